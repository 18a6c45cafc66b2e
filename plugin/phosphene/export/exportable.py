"""The images of an export, their files, and what is said about them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from phosphene.errors import ImageError
from phosphene.fields import known
from phosphene.files import replacing
from phosphene.records import Image, Space
from phosphene.sources import is_remote, to_path
from phosphene.sources.contents import content_at
from phosphene.sources.uris import part_of
from phosphene.vectors import Vector


@dataclass(frozen=True, slots=True)
class Exportable:
    """An image to export, and its score if a query found it."""

    image: Image[Vector]
    score: float | None = None


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What is written beside captions and fields."""

    folder: Path  # of the library
    space: Space
    total: int  # images that will be written
    vectors: bool = False
    pictures: bool = False  # whether a parquet file holds the pictures, too
    force: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """How many images were written, how many were not because their file was not found, and where."""

    images: int
    without_file: int = 0
    files: tuple[Path, ...] = ()

    def __add__(self, other: "Exported") -> "Exported":
        return Exported(
            self.images + other.images, self.without_file + other.without_file, self.files + other.files
        )


WriteImages: TypeAlias = Callable[[Iterable[Exportable], Path, ExportOptions], Exported]


def picture_of(image: Image, folder: Path) -> bytes | None:
    """The bytes of an image's file, or None if that is gone, elsewhere, or holds another picture now."""
    try:
        content = content_at(image.uri, folder)
    except ImageError:
        return None
    is_changed = image.origin == "imported" and sha256(content).hexdigest() != image.sha256
    return None if is_changed else content


def file_of(image: Image, folder: Path) -> Path | None:
    """The file of an image on this machine, or None if it is gone, elsewhere, or a part of another file."""
    if is_remote(image.uri) or part_of(image.uri):
        return None
    path = to_path(image.uri, folder)
    return path.absolute() if path.is_file() else None


def about(image: Image) -> dict[str, Any]:
    """What is said about an image, in the words that `add` reads: its captions and its known fields."""
    return {"captions": list(image.captions), **known(image.fields)}


def write_vectors(images: Iterable[Image[Vector]], target: Path) -> tuple[Path, ...]:
    """Write the vectors (n, d) as `target`.npy, and the ids in the same order as `target`.ids.txt."""
    listed = list(images)
    vectors, ids = target.with_name(f"{target.name}.npy"), target.with_name(f"{target.name}.ids.txt")
    with replacing(vectors) as part, part.open("wb") as file:
        np.save(file, np.array([image.vector for image in listed], dtype=np.float32))
    with replacing(ids) as part:
        part.write_text("".join(f"{image.id}\n" for image in listed), encoding="utf-8")
    return vectors, ids
