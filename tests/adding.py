"""Adds to a library that needs no model and no server, in a test or in a process that a test kills.

python tests/adding.py LIBRARY [--lance] [--slow] [--nobody] [--file-limit BYTES] PATH…
"""

import argparse
import os
import pickle
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from oracle import Oracle
from phosphene.embedding import Embedded, Embedder
from phosphene.errors import PhospheneError
from phosphene.files import write_whole
from phosphene.ingest import Added, Progress, add
from phosphene.journal import Journal
from phosphene.records import Failure, Image
from phosphene.sources import Item, scan
from phosphene.store import Store
from phosphene.vectors import Pixels, Vector
from pictures import Colours, jpeg


class Kept(Oracle):
    """The oracle in a file. Other processes may write it, so every call reads it again."""

    def __init__(self, folder: Path) -> None:
        self.space = Colours.space
        self.file = folder / "store.pickle"

    @property
    def images(self) -> dict[str, Image[Vector]]:
        return pickle.loads(self.file.read_bytes()) if self.file.exists() else {}

    def upsert(self, images: Sequence[Image]) -> None:
        oracle = self._in_memory()
        oracle.upsert(images)
        write_whole(self.file, pickle.dumps(oracle.images))

    def delete(self, ids: Sequence[str]) -> int:
        oracle = self._in_memory()
        deleted = oracle.delete(ids)
        write_whole(self.file, pickle.dumps(oracle.images))
        return deleted

    def _in_memory(self) -> Oracle:
        oracle = Oracle(self.space)
        oracle.images.update(self.images)
        return oracle


class Slow(Colours):
    """An embedder that is slow, so that a kill finds it at work."""

    def pictures(self, prepared: Sequence[Pixels]) -> Embedded:
        time.sleep(0.1)
        return super().pictures(prepared)


def add_to(
    library: Path,
    *paths: Path,
    embedder: Embedder | None = None,
    open_store: Callable[[Path], Store] = Kept,
    on_progress: Callable[[Progress], None] | None = None,
    batch: int = 4,
    commit_images: int = 512,
    fields: Mapping[str, Mapping[str, object]] = {},
    reread: bool = False,
) -> Added:
    """Open the library in a folder, add, and close it. `fields` are those of the source, by file name."""
    library.mkdir(exist_ok=True)
    store, journal = open_store(library), Journal(library / "journal.sqlite")
    try:
        return add(
            (_told(item, fields) for item in scan(paths)),
            load=lambda: embedder or Colours(),
            store=store,
            journal=journal,
            on_progress=on_progress,
            batch=batch,
            commit_images=commit_images,
            reread=reread,
        )
    finally:
        journal.close()
        store.close()


def _told(item: Item | Failure, fields: Mapping[str, Mapping[str, object]]) -> Item | Failure:
    if isinstance(item, Failure):
        return item
    return replace(item, fields=fields.get(Path(item.uri).name, {}))


def lance(library: Path) -> Store:
    """Open a LanceDB store with an embedder that needs no model."""
    from phosphene.store.lance.store import LanceStore

    return LanceStore.create(library / "store", Colours.space)


def contents(library: Path, open_store: Callable[[Path], Store] = Kept) -> dict[str, Any]:
    """Everything in a library except times, in a form that can be compared."""
    store, journal = open_store(library), Journal(library / "journal.sqlite")
    images = list(store.iterate(vectors=True))
    thumbnails = store.thumbnails([image.id for image in images])
    held = {
        image.id: (
            image.sha256, image.uri, image.caption, image.captions, image.fields, image.origin, image.width,
            image.height, image.norm, None if image.vector is None else image.vector.tobytes(),
            thumbnails[image.id],
        )
        for image in images
    }  # fmt: skip
    seen = journal.places(journal.ids())
    failures = journal.failures()
    journal.close()
    store.close()
    return {"images": held, "files": seen, "failures": failures}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("library", type=Path)
    parser.add_argument("paths", type=Path, nargs="+")
    for flag in ("--lance", "--slow", "--nobody"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--file-limit", type=int)
    arguments = parser.parse_args()
    if arguments.nobody:
        with TemporaryDirectory() as elsewhere:  # whatever Python imports late may lie in a root's home
            Path(elsewhere, "a.jpg").write_bytes(jpeg(0))
            Path(elsewhere, "a.txt").write_text("a house")
            add_to(Path(elsewhere, "lib"), Path(elsewhere))
        os.setgid(65534)
        os.setuid(65534)
    if arguments.file_limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (arguments.file_limit, resource.RLIM_INFINITY))
    try:
        added = add_to(
            arguments.library,
            *arguments.paths,
            embedder=Slow() if arguments.slow else Colours(),
            open_store=lance if arguments.lance else Kept,
            commit_images=512 if arguments.file_limit else 8,
            on_progress=lambda progress: print(progress.done, progress.added, progress.note, flush=True),
        )
    except KeyboardInterrupt:
        return 130
    except PhospheneError as error:
        print(f"{type(error).__name__}: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return 1
    print("end", added.added, added.unchanged, added.failed, flush=True)
    for failure in added.failures:
        print(failure.uri, "→", failure.reason)
    return 0


if __name__ == "__main__":
    sys.exit(main())
