"""Visiting somebody else's collection: the folder that belongs to it here, and whether the space fits.

A space is believed once: it must have the vectors' dimension, and where the collection has pictures, a
few of them are embedded anew and must come out as they are stored. That is remembered, so that the next
visit loads no model.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from phosphene.config import home
from phosphene.embedding import Embedder, open_embedder
from phosphene.errors import ImageError, LibraryError
from phosphene.images import open_picture
from phosphene.manifest import Manifest
from phosphene.records import Image, Space
from phosphene.store.address import Address
from phosphene.store.foreign import ForeignStore

LOOKED_AT = 8  # images
# The same weights behind another decoder or another resize keep a cosine of 0.99 and more; other
# weights of the same dimension are near 0.
ALIKE = 0.99


@dataclass(frozen=True, slots=True)
class Visit:
    """An open collection, and the folder of its journal; `embedder` where it was needed already."""

    store: ForeignStore
    folder: Path
    embedder: Embedder | None


def visit(address: Address, *, device: str = "auto") -> Visit:
    """Open the collection of an address that says how to read it.

    Raises LibraryError where there is none, or where its vectors are not of the space that is named,
    StoreError where no server answers, and ModelError where the model cannot be had.
    """
    assert address.foreign is not None, "an address that says how to read"
    if not address.foreign.space:
        raise LibraryError(
            f"the address of `{address}` does not say of which space its vectors are",
            hint="add the model that made them: `&space=ViT-B-32/openai`, see `phosphene models`",
        )
    folder = _folder(address)
    if believed := Manifest.read(folder):
        return Visit(_opened(address, believed.space), folder, None)
    embedder = open_embedder(address.foreign.space, device=device)
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
        for image in _some(store, address):
            found = 0 if image.vector is None else len(image.vector)
            if found != space.dimension:
                raise LibraryError(
                    f"the vectors of `{address}` have {found} numbers, and those of `{space.name}`"
                    f" ({space.id}) {space.dimension}: another model made them",
                    hint="name that model in `space=`",
                )
        unless_refused.pop_all()
    return store


def _folder(address: Address) -> Path:
    """Where its journal lies: another one for another server, tenant, vector, property or space."""
    told = repr((address.endpoints, address.tenant, astuple(address.foreign) if address.foreign else ()))
    return home() / "visits" / f"{address.collection}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def _some(store: ForeignStore, address: Address) -> list[Image]:
    """A few images with their vectors. Raises LibraryError where there are none."""
    images = list(islice(store.iterate(vectors=True), LOOKED_AT))
    if not images:
        raise LibraryError(
            f"`{address}` holds nothing with the vector that was named",
            hint="is it the right collection? `vector=` names one of its vectors",
        )
    return images


def _compare(address: Address, embedder: Embedder, store: ForeignStore) -> None:
    """Raises LibraryError where stored vectors are not what their pictures embed to."""
    images = _some(store, address)
    cosines = _cosines(embedder, images, store.pictures([image.id for image in images]))
    if cosines and np.mean(cosines) < ALIKE:
        raise LibraryError(
            f"the vectors of `{address}` are not of `{embedder.space.name}` ({embedder.space.id}):"
            f" {len(cosines)} stored pictures, embedded anew, have a mean cosine of {np.mean(cosines):.3f}"
            f" to them, not {ALIKE} or more",
            hint="name the model that made them in `space=`; where `image=` holds other pictures than"
            " were embedded, such as previews, leave it out",
        )


def _cosines(embedder: Embedder, images: Sequence[Image], pictures: Mapping[str, bytes]) -> list[float]:
    prepared, stored = [], []
    for image in images:
        try:
            prepared.append(embedder.prepare(open_picture(pictures[image.id])))
        except (KeyError, ImageError):  # no picture, or a damaged one: it says nothing
            continue
        stored.append(image.vector)
    if not prepared:
        return []
    made = embedder.pictures(prepared).vectors
    return [float(a @ b) for a, b in zip(made, stored, strict=True) if b is not None]
