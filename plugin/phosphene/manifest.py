"""The manifest says that a folder, or a collection of a server, is a library, and which space it is in.

It is the first thing that is written when a library is made.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote
from typing import Any, get_args

from phosphene.errors import LibraryError, listed
from phosphene.files import write_whole
from phosphene.records import Precision, Space

NAME = "library.json"
OLDEST, FORMAT = 1, 3  # what the older ones are is in `maintenance.upgrading`
MAX_BYTES = 64 << 10  # of a manifest; phosphene writes 200
MAX_LETTERS = 4096  # of a space's id or name, which may hold a path
MAX_DIMENSION = 65_535  # numbers of a vector; no server takes more


@dataclass(frozen=True, slots=True)
class Manifest:
    """The format of a library, and the space of all its vectors."""

    space: Space
    format: int = FORMAT

    @classmethod
    def read(cls, folder: Path) -> "Manifest | None":
        """The manifest of the library in a folder, or None if the folder is empty or does not exist.

        Raises LibraryError for a folder that is not a library and for a library of a newer version.
        """
        file = folder / NAME
        if not file.exists():
            _refuse_other_folder(folder)
            return None
        with file.open("rb") as opened:
            return cls.parse(opened.read(MAX_BYTES + 1), str(folder))

    @classmethod
    def parse(cls, text: bytes, place: str) -> "Manifest":
        """Read the text of a manifest; errors name `place`. Raises LibraryError as `read` does."""
        content = _object(text, place)
        written = content.get("format")
        if type(written) is not int or written < 1:
            raise _damaged(place, "its `format` is not a whole number above 0")
        if written > FORMAT:
            raise LibraryError(
                f"`{place}` is a library of format {written:.4g}. This version of phosphene reads up to"
                f" format {FORMAT}.",
                hint="run `pip install --upgrade phosphene`, since a newer version made the library",
            )
        return cls(_space(content.get("space"), place), written)

    @property
    def text(self) -> str:
        """The manifest as JSON, as `parse` reads it."""
        space = asdict(self.space)
        if self.space.precision == "fp32":  # as it was before there were others, so that copies stay the same
            del space["precision"]
        return json.dumps({"format": self.format, "space": space}, indent=2)

    def write(self, folder: Path) -> None:
        """Write the manifest into `folder`, which makes it a library."""
        write_whole(folder / NAME, self.text.encode())


def space_of(text: bytes | str, place: str) -> Space:
    """The space that a text in JSON describes. Raises LibraryError if it describes none."""
    return _space(_object(text, place), place)


def _object(text: bytes | str, place: str) -> dict[str, Any]:
    """A JSON object from a stranger, if its size and depth are reasonable."""
    try:
        content = json.loads(text) if len(text) <= MAX_BYTES else None
    except (ValueError, RecursionError) as error:
        raise _damaged(place, f"it is not JSON ({str(error)[:80]})") from error
    if not isinstance(content, dict):
        raise _damaged(place, f"it is not a JSON object of at most {MAX_BYTES:,} bytes")
    return content


def _space(content: object, place: str) -> Space:
    if not isinstance(content, dict):
        raise _damaged(place, "its `space` is not a JSON object")
    id, name, dimension = (content.get(key) for key in ("id", "name", "dimension"))
    for key, value in (("id", id), ("name", name)):
        if not isinstance(value, str) or not 0 < len(value) <= MAX_LETTERS:
            raise _damaged(place, f"the `{key}` of its space is not a text of 1 to {MAX_LETTERS:,} letters")
    if type(dimension) is not int or not 0 < dimension <= MAX_DIMENSION:
        raise _damaged(place, f"the `dimension` of its space is not a number from 1 to {MAX_DIMENSION:,}")
    precision = content.get("precision", "fp32")  # what libraries have that do not say it
    if precision not in get_args(Precision):
        raise _damaged(place, f"the `precision` of its space is none of {listed(get_args(Precision))}")
    return Space(str(id), str(name), dimension, precision)


def _damaged(place: str, reason: str) -> LibraryError:
    return LibraryError(
        f"The manifest of `{place}` is damaged: {reason}.",
        hint=_repair(place),
    )


def _repair(library: str) -> str:
    return f"run `phosphene -L {quote(library)} repair`, which writes it again"


def _refuse_other_folder(folder: Path) -> None:
    if (folder / "store" / "images.lance").exists():
        raise LibraryError(f"The manifest of `{folder}` is missing.", hint=_repair(str(folder)))
    if folder.exists() and not folder.is_dir():
        raise LibraryError(
            f"`{folder}` is a file, not a library.",
            hint="name a folder, which need not exist yet",
        )
    if folder.exists() and any(not _left_over(path) for path in folder.iterdir()):
        raise LibraryError(
            f"`{folder}` is not a library, and it is not empty.",
            hint="name a library, or a new or empty folder, with `-L`",
        )


def _left_over(path: Path) -> bool:
    """Whether a file was left by a process that was killed while it wrote the manifest."""
    return path.name.startswith(f".{NAME}.") and path.suffix == ".part"
