"""Copying the files of images into a folder, where nothing is overwritten."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.errors import ImageError

if TYPE_CHECKING:
    from phosphene.library import Library
    from phosphene.records import Image


@dataclass(frozen=True, slots=True)
class FileCopies:
    """How many files were copied, how many were there before, and how many could not be read."""

    copied: int = 0
    present: int = 0
    lost: int = 0

    def __str__(self) -> str:
        """The outcome as a sentence."""
        parts = [f"copied {self.copied:,} {'file' if self.copied == 1 else 'files'}"]
        parts += [f"{self.present:,} were there before"] if self.present else []
        parts += [f"{self.lost:,} could not be read"] if self.lost else []
        return ", ".join(parts)


def copy_files(library: "Library", images: "Sequence[Image]", folder: Path) -> FileCopies:
    """Copy the files of images. One of the same name and other content gets a number behind its name."""
    folder.mkdir(parents=True, exist_ok=True)
    done = [_copy(library, image, folder) for image in images]
    return FileCopies(done.count("copied"), done.count("present"), done.count("lost"))


def _copy(library: "Library", image: "Image", folder: Path) -> str:
    from phosphene.sources.contents import content_at
    from phosphene.sources.uris import part_of, to_path

    name = Path(part_of(image.uri) or to_path(image.uri, library.folder)).name
    try:
        content = content_at(image.uri, library.folder)
    except ImageError:
        return "lost"
    for place in _places(folder, image.id if name in ("", "..") else name):
        try:
            with place.open("xb") as file:
                file.write(content)
        except FileExistsError:
            if place.is_file() and _digest(place.read_bytes()) == _digest(content):
                return "present"
        else:
            return "copied"
    raise AssertionError("there is always another name")


def _places(folder: Path, name: str) -> Iterator[Path]:
    path = folder / name
    yield path
    for number in count(2):
        yield path.with_stem(f"{path.stem}-{number}")


def _digest(content: bytes) -> bytes:
    return sha256(content).digest()
