"""A library without a model, in which one text was searched for before."""

from collections.abc import Sequence
from pathlib import Path

from oracle import SPACE, made
from phosphene.journal import Journal
from phosphene.manifest import Manifest
from phosphene.records import Image
from phosphene.store.lance.store import LanceStore

QUERY = "a red house in the snow"


def asked_library(folder: Path, images: Sequence[Image] = ()) -> Path:
    """Make a library of `images`, or else of 20 examples, in `folder`."""
    Manifest(SPACE).write(folder)
    store = LanceStore.create(folder / "store", SPACE)
    store.upsert(images or made(20))
    store.close()
    journal = Journal(folder / "journal.sqlite")
    journal.texts.keep(QUERY, SPACE.id, made(1)[0].vector)
    journal.close()
    return folder
