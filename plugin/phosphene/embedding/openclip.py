"""The Embedder on open_clip: any of its architectures and checkpoints, the built-in model among them.

The model is loaded when the first vector is asked for; its space is known before. Vectors are
those of open_clip's own `encode_image` and `encode_text`, normalised.
"""

import bisect
import re
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL.Image import Image as Picture

from phosphene.device import pick_device
from phosphene.embedding.embedder import Cut, Embedded
from phosphene.embedding.hub import Absent
from phosphene.embedding.identity import identify
from phosphene.embedding.loading import load_model, load_tokenizer
from phosphene.embedding.preprocessing import Preprocessing
from phosphene.embedding.truncation import forget, readable
from phosphene.embedding.weights import Weights, fetch, resolve
from phosphene.records import Space
from phosphene.vectors import Pixels, Vectors, unit

TEXTS_AT_ONCE = 256


class OpenClip:
    """One model of open_clip on one device."""

    def __init__(self, weights: Weights, space: Space, device: str = "auto") -> None:
        self._weights = weights
        self._space = space
        self._device = pick_device(device)
        self._parts: tuple[Any, Callable[..., torch.Tensor]] | None = None
        self._loading = threading.Lock()
        # The last two steps, to a tensor and normalising, are taken for a whole batch in `pictures`.
        self._preprocessing = Preprocessing(weights.preprocess)
        mean, std = (torch.tensor(weights.preprocess[key], device=self._device) for key in ("mean", "std"))
        self._mean, self._std = mean[:, None, None], std[:, None, None]

    @property
    def space(self) -> Space:
        """Whose vectors these are."""
        return self._space

    @torch.inference_mode()
    def texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (n, d); a text beyond the context is cut, see `cut`."""
        model, tokenizer = self._loaded()
        found = [np.empty((0, self._space.dimension), np.float32)]
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            read = [readable(text, tokenizer) for text in texts[start : start + TEXTS_AT_ONCE]]
            ids = tokenizer(read).to(self._device)
            forget(tokenizer)
            found.append(unit(model.encode_text(ids).float().cpu().numpy()))
        return np.concatenate(found)

    def cut(self, text: str) -> Cut | None:
        """What would be left of a text that is longer than the context; None where it fits."""
        tokenizer = self._loaded()[1]
        if _fits(tokenizer, text):
            return None
        ends = [word.end() for word in re.finditer(r"\S+", text)]
        used = bisect.bisect_left(ends, True, key=lambda end: not _fits(tokenizer, text[:end]))
        if used:
            return Cut(text, text[: ends[used - 1]])
        letters = bisect.bisect_left(range(len(text)), True, key=lambda end: not _fits(tokenizer, text[:end]))
        return Cut(text, text[: letters - 1])

    def prepare(self, picture: Picture) -> Pixels:
        """One picture at the model's size, not normalised yet; safe in many threads at once."""
        return self._preprocessing(picture)

    @torch.inference_mode()
    def pictures(self, prepared: Sequence[Pixels]) -> Embedded:
        """The vectors of a batch of prepared pictures."""
        if not prepared:
            nothing = np.empty((0, self._space.dimension), np.float32)
            return Embedded(nothing, np.empty(0, np.float32))
        model = self._loaded()[0]
        batch = torch.from_numpy(np.stack(prepared)).to(self._device).permute(0, 3, 1, 2)
        inputs = batch.float().div_(255).sub_(self._mean).div_(self._std)
        raw = model.encode_image(inputs).float().cpu().numpy()
        return Embedded(unit(raw), np.linalg.norm(raw, axis=1))

    def _loaded(self) -> tuple[Any, Callable[..., torch.Tensor]]:
        """The model and its tokenizer, loaded by whichever thread comes first."""
        with self._loading:
            if self._parts is None:
                self._parts = load_model(self._weights, self._device), load_tokenizer(self._weights)
        return self._parts


def open_model(name: str, *, device: str = "auto", on_fetch: Callable[[int], None] | None = None) -> OpenClip:
    """The embedder of a model of open_clip, see `embedding.open_embedder`."""
    try:
        weights = resolve(name)
    except Absent:
        weights = fetch(name, on_progress=on_fetch)
    return OpenClip(weights, identify(weights), device)


def _fits(tokenizer: Callable[..., torch.Tensor], text: str) -> bool:
    """Whether one more place in the context would change nothing but the padding."""
    context: int = tokenizer.context_length  # type: ignore[attr-defined]
    at_hand, wider = tokenizer([text])[0], tokenizer([text], context_length=context + 1)[0]
    padding = tokenizer([""])[0, -1]
    return bool(torch.equal(at_hand, wider[:context]) and wider[context] == padding)
