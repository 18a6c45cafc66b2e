"""The Embedder seam: turns texts and pictures into unit vectors of one space."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image as Picture

from phosphene.records import Space
from phosphene.vectors import Patches, Pixels, Vectors


@dataclass(frozen=True, slots=True)
class Embedded:
    """The unit vectors (n, d) of pictures, and the norms (n,) that they had before normalisation.

    vector × norm is the model's raw output, which some generators need.
    """

    vectors: Vectors
    norms: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cut:
    """A text that is longer than the model's context, and the part of it that is used."""

    text: str
    used: str


class ImageEncoder(Protocol):
    """Turns pictures into unit vectors of one space."""

    @property
    def space(self) -> Space:
        """The space of the vectors. Its id changes whenever the vectors would change."""
        ...

    def prepare(self, picture: Picture) -> Pixels:
        """An RGB picture at the model's size, uint8 (height, width, 3). Many threads call this at once."""
        ...

    def pictures(self, prepared: Sequence[Pixels]) -> Embedded:
        """The vectors of a batch of prepared pictures. Many threads call this at once."""
        ...


class Embedder(ImageEncoder, Protocol):
    """Turns texts and pictures into unit vectors of one space.

    Every implementation passes the conformance suite in `phosphene.testing.embedders`.
    """

    def texts(self, texts: Sequence[str]) -> Vectors:
        """The unit vectors (n, d) of texts. A text that is longer than the context is cut, see `cut`."""
        ...

    def cut(self, text: str) -> Cut | None:
        """The part of a text that is used if it is longer than the context. None if it fits."""
        ...


@runtime_checkable
class PatchEncoder(Protocol):
    """What an embedder may have besides: vectors of the places of a picture, near to texts about them."""

    def patches(self, picture: Picture) -> Patches:
        """The unit vectors (rows, columns, d) of the places of a picture, which cover all of it.

        Raises ModelError if this model has no such vectors.
        """
        ...


@runtime_checkable
class SharesCores(Protocol):
    """What an embedder may have besides, if its `pictures` uses all cores unless it is told otherwise."""

    def one_core_each(self) -> AbstractContextManager[None]:
        """Until the context ends, each call of `pictures` computes on one core: many threads call it."""
        ...


@runtime_checkable
class TakesBatches(Protocol):
    """What an embedder may have besides, if it is fastest with a certain number of pictures at once."""

    @property
    def batch_size(self) -> int:
        """How many pictures `add` gives to a call of `pictures`."""
        ...


@runtime_checkable
class Spells(Protocol):
    """What an embedder may have besides: how much of a text it has to spell, not knowing the words."""

    def spelled(self, text: str) -> float:
        """The share of a text that is spelled: 0 if each word is one token, and 1 if each byte is."""
        ...


class OpenEmbedder(Protocol):
    """The function that opens an embedder. The entry point of a plugin is such a function."""

    def __call__(
        self, name: str, *, device: str = "auto", on_fetch: Callable[[int], None] | None = None
    ) -> Embedder:
        """Open the embedder with a `name` that a user wrote, which is `plugin` or `plugin:…`.

        `device` is `auto`, `cpu`, `cuda` or `mps`. During a download, `on_fetch` is called with the number of
        bytes since its last call. Raises ModelError if the embedder cannot be opened.
        """
        ...
