"""The manifest: what makes a folder, or a collection of a server, a library. It is written first."""

import json
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from phosphene.errors import LibraryError
from phosphene.files import write_whole
from phosphene.records import Space

NAME = "library.json"
OLDEST, FORMAT = 1, 2  # 1 says `training` for imported images, see `maintenance.upgrading`
LARGEST = 64 << 10  # bytes; ours have 200
LONGEST = 4096  # letters of a space's id or name, which may hold a path
MOST = 65_535  # numbers of a vector; no server takes more


@dataclass(frozen=True, slots=True)
class Manifest:
    """The format of a library, and the space that all its vectors are of."""

    space: Space
    format: int = FORMAT

    @classmethod
    def read(cls, folder: Path) -> "Manifest | None":
        """The manifest of a library; None where the folder is empty or not there yet.

        Raises LibraryError for a folder of something else and for a library of a newer version.
        """
        file = folder / NAME
        if not file.exists():
            _refuse_other_folder(folder)
            return None
        with file.open("rb") as opened:
            return cls.parse(opened.read(LARGEST + 1), str(folder))

    @classmethod
    def parse(cls, text: bytes, place: str) -> "Manifest":
        """Read the manifest of the library at `place`. Raises LibraryError as `read` does."""
        content = _object(text, place)
        written = content.get("format")
        if type(written) is not int or written < 1:
            raise _damaged(place, "`format` is no number from 1 up")
        if written > FORMAT:
            raise LibraryError(
                f"`{place}` is a library of format {written:.4g}; this phosphene reads up to {FORMAT}",
                hint="a newer phosphene made it: `pip install --upgrade phosphene`",
            )
        return cls(_space(content.get("space"), place), written)

    @property
    def text(self) -> str:
        """It as JSON, which parses to it."""
        space = {"id": self.space.id, "name": self.space.name, "dimension": self.space.dimension}
        return json.dumps({"format": self.format, "space": space}, indent=2)

    def write(self, folder: Path) -> None:
        """Make `folder` a library of this space."""
        write_whole(folder / NAME, self.text.encode())


def space_of(text: bytes | str, place: str) -> Space:
    """The space in the JSON that a store or a manifest keeps. Raises LibraryError where it is none."""
    return _space(_object(text, place), place)


def _object(text: bytes | str, place: str) -> dict[str, Any]:
    """A JSON object of somebody else, of a sane size and depth."""
    try:
        content = json.loads(text) if len(text) <= LARGEST else None
    except (ValueError, RecursionError) as error:
        raise _damaged(place, f"it is no JSON ({str(error)[:80]})") from error
    if not isinstance(content, dict):
        raise _damaged(place, f"it is no JSON object of at most {LARGEST:,} bytes")
    return content


def _space(content: object, place: str) -> Space:
    if not isinstance(content, dict):
        raise _damaged(place, "`space` is no JSON object")
    id, name, dimension = (content.get(key) for key in ("id", "name", "dimension"))
    for key, value in (("id", id), ("name", name)):
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST:
            raise _damaged(place, f"the space's `{key}` is no text of 1 to {LONGEST:,} letters")
    if type(dimension) is not int or not 0 < dimension <= MOST:
        raise _damaged(place, f"the space's `dimension` is no whole number from 1 to {MOST:,}")
    return Space(str(id), str(name), dimension)


def _damaged(place: str, reason: str) -> LibraryError:
    return LibraryError(
        f"the manifest of `{place}` is damaged: {reason}",
        hint=_repair(place),
    )


def _repair(library: str) -> str:
    return f"`phosphene -L {quote(library)} repair` writes it again"


def _refuse_other_folder(folder: Path) -> None:
    if (folder / "store" / "images.lance").exists():
        raise LibraryError(f"the manifest of `{folder}` is missing", hint=_repair(str(folder)))
    if folder.exists() and not folder.is_dir():
        raise LibraryError(
            f"`{folder}` is a file, not a library", hint="name a folder that phosphene may make"
        )
    if folder.exists() and any(not _left_over(path) for path in folder.iterdir()):
        raise LibraryError(
            f"`{folder}` is a folder of something else, not a library",
            hint="name a new or an empty folder with `-L`; phosphene writes into no other",
        )


def _left_over(path: Path) -> bool:
    """A temporary file of a write that was killed before it could be renamed."""
    return path.name.startswith(f".{NAME}.") and path.suffix == ".part"
