"""Keeps generated pictures in a library: first writes the file, then the store, then the journal."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from phosphene.files import write_whole
from phosphene.interrupt import uninterrupted
from phosphene.journal import Journal
from phosphene.records import Image
from phosphene.store import Store


@dataclass(frozen=True, slots=True)
class Keeper:
    """Keeps pictures in the target library, which may be another one than the pictures were made from."""

    folder: Path
    store: Store
    journal: Journal

    def check(self) -> None:
        """Raise StoreError if the store is read-only. Call this before any picture is made."""
        self.store.upsert([])

    def keep(self, made: Sequence[tuple[Image, bytes]]) -> None:
        """Store new images and missing files. Ctrl-C takes effect after that."""
        with uninterrupted():
            known = {image.id for image in self.store.get([image.id for image, _ in made])}
            for image, file in made:
                if image.id not in known or not (self.folder / image.uri).exists():
                    write_whole(self.folder / image.uri, file)
            self.store.upsert([image for image, _ in made if image.id not in known])
            self.journal.take_back(image.id for image, _ in made)
