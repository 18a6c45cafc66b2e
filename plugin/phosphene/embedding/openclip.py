"""The Embedder for models of open_clip, to which the built-in model belongs.

The space is known at once, and the model is loaded when a vector is first needed. Vectors are the normalised
results of open_clip's own `encode_image` and `encode_text`.
"""

import bisect
import re
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL.Image import Image as Picture
from PIL.Image import Resampling

from phosphene.device import pick_device
from phosphene.embedding.embedder import Cut, Embedded
from phosphene.embedding.identity import identify
from phosphene.embedding.loading import load_model, load_tokenizer
from phosphene.embedding.patches import can_see_patches, input_side, patches_of
from phosphene.embedding.preprocessing import Preprocessing
from phosphene.embedding.repositories import NotDownloaded
from phosphene.embedding.truncation import forget, readable
from phosphene.embedding.weights import Weights, fetch, resolve
from phosphene.errors import ModelError
from phosphene.images import resized
from phosphene.records import Space
from phosphene.vectors import Patches, Pixels, Vectors, unit

BATCH_SIZE = 256  # texts that are embedded at once


class OpenClip:
    """One model of open_clip on one device."""

    def __init__(self, weights: Weights, space: Space, device: str = "auto") -> None:
        self._weights = weights
        self._space = space
        self._device = pick_device(device)
        self._parts: tuple[Any, Callable[..., torch.Tensor]] | None = None
        self._loading = threading.Lock()
        # `pictures` takes the last two steps for a whole batch: to a tensor, and normalising.
        self._preprocessing = Preprocessing(weights.preprocess)
        mean, std = (torch.tensor(weights.preprocess[key], device=self._device) for key in ("mean", "std"))
        self._mean, self._std = mean[:, None, None], std[:, None, None]

    @property
    def space(self) -> Space:
        """The space of the vectors."""
        return self._space

    @torch.inference_mode()
    def texts(self, texts: Sequence[str]) -> Vectors:
        """The unit vectors (n, d) of texts. A text that is longer than the context is cut, see `cut`."""
        model, tokenizer = self._loaded()
        found = [np.empty((0, self._space.dimension), np.float32)]
        for start in range(0, len(texts), BATCH_SIZE):
            read = [readable(text, tokenizer) for text in texts[start : start + BATCH_SIZE]]
            ids = tokenizer(read).to(self._device)
            forget(tokenizer)
            found.append(unit(model.encode_text(ids).float().cpu().numpy()))
        return np.concatenate(found)

    def cut(self, text: str) -> Cut | None:
        """The part of a text that is used if it is longer than the context. None if it fits."""
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
        """A picture at the model's size, not normalised yet. Many threads may call this at once."""
        return self._preprocessing(picture)

    @torch.inference_mode()
    def pictures(self, prepared: Sequence[Pixels]) -> Embedded:
        """The vectors of a batch of prepared pictures."""
        if not prepared:
            nothing = np.empty((0, self._space.dimension), np.float32)
            return Embedded(nothing, np.empty(0, np.float32))
        model = self._loaded()[0]
        raw = model.encode_image(self._inputs(np.stack(prepared))).float().cpu().numpy()
        return Embedded(unit(raw), np.linalg.norm(raw, axis=1))

    @torch.inference_mode()
    def patches(self, picture: Picture) -> Patches:
        """The unit vectors (rows, columns, d) of the places of a picture. See `patches`."""
        visual = self._loaded()[0].visual
        if not can_see_patches(visual):
            raise ModelError(
                f"The image tower of `{self._space.name}` does not see where things are.",
                hint="use a ViT or a ResNet of open_clip for that",
            )
        height, width = input_side(visual)
        squashed = resized(picture.convert("RGB"), (width, height), Resampling.BICUBIC)
        pixels = np.stack([np.asarray(squashed)])
        return patches_of(visual, self._inputs(pixels)).cpu().numpy()

    def _inputs(self, pixels: Pixels) -> torch.Tensor:
        """Pixels (n, height, width, 3) as the image tower takes them."""
        batch = torch.from_numpy(pixels).to(self._device).permute(0, 3, 1, 2)
        return batch.float().div_(255).sub_(self._mean).div_(self._std)

    def _loaded(self) -> tuple[Any, Callable[..., torch.Tensor]]:
        """The model and its tokenizer. The first thread that needs them loads them."""
        with self._loading:
            if self._parts is None:
                self._parts = load_model(self._weights, self._device), load_tokenizer(self._weights)
        return self._parts


def open_model(name: str, *, device: str = "auto", on_fetch: Callable[[int], None] | None = None) -> OpenClip:
    """Open a model of open_clip by its name, see `embedding.open_embedder`."""
    try:
        weights = resolve(name)
    except NotDownloaded:
        weights = fetch(name, on_progress=on_fetch)
    return OpenClip(weights, identify(weights), device)


def _fits(tokenizer: Callable[..., torch.Tensor], text: str) -> bool:
    """Whether a text fits: with a context of one more token, only the padding would grow."""
    context: int = tokenizer.context_length  # type: ignore[attr-defined]
    given, wider = tokenizer([text])[0], tokenizer([text], context_length=context + 1)[0]
    padding = tokenizer([""])[0, -1]
    return bool(torch.equal(given, wider[:context]) and wider[context] == padding)
