"""The Embedder for models of open_clip, to which the built-in model belongs.

The space is known at once. A tower is loaded when one of its vectors is first needed, so a search loads only
that for texts. Vectors are the normalised results of open_clip's own `encode_image` and `encode_text`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
from PIL.Image import Image as Picture

from phosphene.batches import batched
from phosphene.device import usual_precision
from phosphene.embedding.embedder import Cut, Embedded
from phosphene.embedding.identity import identify
from phosphene.embedding.preprocessing import Preprocessing
from phosphene.embedding.repositories import NotDownloaded
from phosphene.embedding.tokenizing.spelling import spelled
from phosphene.embedding.tokenizing.truncation import cut, readable
from phosphene.embedding.towers.runtime import Towers
from phosphene.embedding.weights import Weights, fetch, resolve
from phosphene.records import Precision, Space
from phosphene.vectors import Patches, Pixels, Vectors, unit

BATCH_SIZE = 256  # texts that are embedded at once


class OpenClip:
    """One model of open_clip."""

    def __init__(self, weights: Weights, space: Space, device: str = "auto") -> None:
        self._space = space
        self._preprocessing = Preprocessing(weights.preprocess)
        self._towers = Towers(weights, space, device)

    @property
    def space(self) -> Space:
        """The space of the vectors."""
        return self._space

    def texts(self, texts: Sequence[str]) -> Vectors:
        """The unit vectors (n, d) of texts. A text that is longer than the context is cut, see `cut`."""
        found = [np.empty((0, self._space.dimension), np.float32)]
        for batch in batched(texts, BATCH_SIZE):
            tokenizer, tower = self._towers.text()
            read = [readable(text, tokenizer.context) for text in batch]
            found.append(unit(tower(tokenizer(read))))
        return np.concatenate(found)

    def cut(self, text: str) -> Cut | None:
        """The part of a text that is used if it is longer than the context. None if it fits."""
        return cut(text, self._towers.text()[0])

    def spelled(self, text: str) -> float:
        """The share of a text that the tokenizer spells: 0 for known words, and 1 for single bytes."""
        return spelled(text, self._towers.text()[0])

    @property
    def batch_size(self) -> int:
        """How many pictures `add` gives to a call of `pictures`."""
        return self._towers.batch_size

    def prepare(self, picture: Picture) -> Pixels:
        """A picture at the model's size, not normalised yet. Many threads may call this at once."""
        return self._preprocessing(picture)

    def pictures(self, prepared: Sequence[Pixels]) -> Embedded:
        """The vectors of a batch of prepared pictures."""
        if not prepared:
            nothing = np.empty((0, self._space.dimension), np.float32)
            return Embedded(nothing, np.empty(0, np.float32))
        raw = self._towers.image()(np.stack(prepared))
        return Embedded(unit(raw), np.linalg.norm(raw, axis=1))

    def patches(self, picture: Picture) -> Patches:
        """The unit vectors (rows, columns, d) of the places of a picture. It needs torch."""
        return self._towers.by_torch().patches(picture)

    def one_core_each(self) -> AbstractContextManager[None]:
        """Until the context ends, `pictures` computes on one core, because many threads call it at once."""
        return self._towers.one_core_each()


def open_model(
    name: str,
    *,
    device: str = "auto",
    precision: Precision | None = None,
    on_fetch: Callable[[int], None] | None = None,
) -> OpenClip:
    """Open a model of open_clip by its name, see `embedding.open_embedder`."""
    try:
        weights = resolve(name)
    except NotDownloaded:
        weights = fetch(name, on_progress=on_fetch)
    space = replace(identify(weights), precision=precision or usual_precision(device))
    return OpenClip(weights, space, device)
