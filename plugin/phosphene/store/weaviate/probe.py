"""Probe an external collection: find its folder on this machine, and check that the space fits its vectors.

The space must have the dimension of the vectors. If the collection has pictures, a few of them are embedded
again, and must have the stored vectors. The result is kept in the folder, so that opening the collection
again loads no model.
"""

import hashlib
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import astuple
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
from phosphene.store.weaviate.external import ExternalStore
from phosphene.vectors import Vector

COMPARED = 8  # pictures that are embedded again
SEARCHED = 64  # images among which pictures are looked for
# The same weights with another decoder or another resizing have a cosine of 0.99 or more. Other weights of
# the same dimension have one near 0.
MIN_COSINE = 0.99


def probe(address: Address, load: Callable[[str], Embedder]) -> Manifest:
    """The manifest of an external collection: that of an earlier probe, or of a new one.

    `load` opens a model by its name. Raises LibraryError if there is no such collection or its vectors are
    not of the named model, StoreError if no server answers, and ModelError if the model cannot be loaded.
    """
    assert address.external is not None, "an address that says how to read"
    if not address.external.model:
        raise LibraryError(
            f"The address `{address}` does not name the model that made the collection's vectors.",
            hint="add it as in `&model=ViT-B-32/openai`, and see `phosphene models`",
        )
    folder = folder_of(address)
    if known := Manifest.read(folder):
        return known
    embedder = load(address.external.model)
    store = open_external(address, embedder.space)
    try:
        _compare(address, embedder, store)
    finally:
        store.close()
    manifest = Manifest(embedder.space)
    manifest.write(folder)
    return manifest


def open_external(address: Address, space: Space) -> ExternalStore:
    """The open store. Raises LibraryError if its vectors have another dimension than the space."""
    with ExitStack() as on_error:
        store = ExternalStore.open(address, space)
        on_error.callback(store.close)
        found = _dimension(store, address)
        if found != space.dimension:
            raise LibraryError(
                f"The vectors of `{address}` have {found} numbers, but those of `{space.name}`"
                f" ({space.id}) have {space.dimension}, so another model made them.",
                hint="name that model in `model=`",
            )
        on_error.pop_all()
    return store


def folder_of(address: Address) -> Path:
    """The folder for the journal. Another server, tenant, vector, property or model has another folder."""
    key = repr((address.endpoints, address.tenant, astuple(address.external) if address.external else ()))
    name = f"{address.collection}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    folder, former = home() / "external" / name, home() / "visits" / name  # as older versions named it
    if former.is_dir() and not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        former.rename(folder)
    return folder


def _dimension(store: ExternalStore, address: Address) -> int:
    """How many numbers a vector has. Raises LibraryError if the collection has no vector."""
    for image in store.iterate(vectors=True):
        return len(image.vector)
    raise LibraryError(
        f"No object of `{address}` has the named vector.",
        hint="check the name of the collection, or name another of its vectors in `vector=`",
    )


def _compare(address: Address, embedder: Embedder, store: ExternalStore) -> None:
    """Raise LibraryError unless the stored vectors are those of the stored pictures."""
    samples = _samples(store)
    if not samples:
        return
    made = embedder.pictures([embedder.prepare(picture) for _, picture in samples]).vectors
    cosine = float(np.mean(np.sum(made * np.stack([vector for vector, _ in samples]), axis=1)))
    if cosine < MIN_COSINE:
        raise LibraryError(
            f"The vectors of `{address}` are not of `{embedder.space.name}` ({embedder.space.id}):"
            f" {len(samples)} stored pictures were embedded again, and have a mean cosine of {cosine:.3f}"
            f" to the stored vectors instead of {MIN_COSINE} or more.",
            hint="name the model that made them in `model=`, or leave out `image=` if it holds other pictures"
            " than those that were embedded, such as previews",
        )


def _samples(store: ExternalStore) -> list[tuple[Vector, Picture]]:
    """A few stored vectors (d,) with their pictures, if these can be read."""
    found: list[tuple[Vector, Picture]] = []
    images = islice(store.iterate(vectors=True), SEARCHED)
    while len(found) < COMPARED and (batch := list(islice(images, COMPARED))):
        pictures = store.pictures([image.id for image in batch])
        for image in batch:
            with suppress(KeyError, ImageError):
                found.append((image.vector, open_picture(pictures[image.id])))
    return found[:COMPARED]
