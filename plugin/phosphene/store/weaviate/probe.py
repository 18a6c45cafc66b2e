"""Visiting somebody else's collection: the folder that belongs to it here, and whether the model fits.

The model that the address names is checked once: it must have the vectors' dimension, and where the
collection has pictures, a few of them are embedded anew and must come out as they are stored. The result
is remembered, so that the next visit loads no model.
"""

import hashlib
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import astuple, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL.Image import Image as Picture

from phosphene.config import home
from phosphene.embedding import Embedder
from phosphene.errors import ImageError, LibraryError
from phosphene.images import open_picture
from phosphene.manifest import Manifest
from phosphene.records import Space
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.external import ForeignStore
from phosphene.vectors import Vector

LOOKED_AT, SEARCHED = 8, 64  # pictures that are compared, and images among which they are looked for
# The same weights behind another decoder or another resize keep a cosine of 0.99 and more; other
# weights of the same dimension are near 0.
ALIKE = 0.99


@dataclass(frozen=True, slots=True)
class Visit:
    """An open collection, and the folder of its journal; `embedder` where it was needed already."""

    store: ForeignStore
    folder: Path
    embedder: Embedder | None


def visit(address: Address, load: Callable[[str], Embedder]) -> Visit:
    """Open the collection of an address that says how to read it; `load` opens a model by its name.

    Raises LibraryError where there is none, or where its vectors are not of the model that is named,
    StoreError where no server answers, and ModelError where the model cannot be had.
    """
    assert address.foreign is not None, "an address that says how to read"
    if not address.foreign.model:
        raise LibraryError(
            f"the address of `{address}` does not say which model made its vectors",
            hint="add the model that made them: `&model=ViT-B-32/openai`, see `phosphene models`",
        )
    folder = _folder(address)
    if believed := Manifest.read(folder):
        return Visit(_opened(address, believed.space), folder, None)
    embedder = load(address.foreign.model)
    with ExitStack() as unless_refused:
        store = _opened(address, embedder.space)
        unless_refused.callback(store.close)
        _compare(address, embedder, store)
        Manifest(embedder.space).write(folder)
        unless_refused.pop_all()
    return Visit(store, folder, embedder)


def _opened(address: Address, space: Space) -> ForeignStore:
    """The store, where its vectors have the dimension of the space. Raises LibraryError where not."""
    with ExitStack() as unless_refused:
        store = ForeignStore.open(address, space)
        unless_refused.callback(store.close)
        found = _dimension(store, address)
        if found != space.dimension:
            raise LibraryError(
                f"the vectors of `{address}` have {found} numbers, and those of `{space.name}`"
                f" ({space.id}) {space.dimension}: another model made them",
                hint="name that model in `model=`",
            )
        unless_refused.pop_all()
    return store


def _folder(address: Address) -> Path:
    """Where its journal lies: another one for another server, tenant, vector, property or model."""
    told = repr((address.endpoints, address.tenant, astuple(address.foreign) if address.foreign else ()))
    return home() / "visits" / f"{address.collection}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def _dimension(store: ForeignStore, address: Address) -> int:
    """How many numbers a vector has. Raises LibraryError where there is none."""
    for image in store.iterate(vectors=True):
        if image.vector is not None:
            return len(image.vector)
    raise LibraryError(
        f"`{address}` holds nothing with the vector that was named",
        hint="is it the right collection? `vector=` names one of its vectors",
    )


def _compare(address: Address, embedder: Embedder, store: ForeignStore) -> None:
    """Raises LibraryError where stored vectors are not what their pictures embed to."""
    pictured = _pictured(store)
    if not pictured:
        return
    made = embedder.pictures([embedder.prepare(picture) for _, picture in pictured]).vectors
    cosine = float(np.mean(np.sum(made * np.stack([vector for vector, _ in pictured]), axis=1)))
    if cosine < ALIKE:
        raise LibraryError(
            f"the vectors of `{address}` are not of `{embedder.space.name}` ({embedder.space.id}):"
            f" {len(pictured)} stored pictures, embedded anew, have a mean cosine of {cosine:.3f}"
            f" to them, not {ALIKE} or more",
            hint="name the model that made them in `model=`; where `image=` holds other pictures than"
            " were embedded, such as previews, leave it out",
        )


def _pictured(store: ForeignStore) -> list[tuple[Vector, Picture]]:
    """A few stored vectors (d,) with their pictures, where those can be read."""
    found: list[tuple[Vector, Picture]] = []
    images = islice(store.iterate(vectors=True), SEARCHED)
    while len(found) < LOOKED_AT and (batch := list(islice(images, LOOKED_AT))):
        pictures = store.pictures([image.id for image in batch])
        for image in batch:
            with suppress(KeyError, ImageError):
                assert image.vector is not None, "asked for with its vector"
                found.append((image.vector, open_picture(pictures[image.id])))
    return found[:LOOKED_AT]
