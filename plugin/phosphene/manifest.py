"""`library.json`: what makes a folder a library. It is written before anything else is."""

import json
from dataclasses import dataclass
from pathlib import Path

from phosphene.errors import LibraryError
from phosphene.files import write_whole
from phosphene.records import Space

NAME = "library.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """The format of a library's folder, and the space that all its vectors are of."""

    space: Space
    format: int = FORMAT

    @classmethod
    def read(cls, folder: Path) -> "Manifest | None":
        """The manifest of a library; None where the folder is empty or not there yet.

        Raises LibraryError for a folder of something else and for a library of a newer version.
        """
        file = folder / NAME
        if not file.exists():
            _refuse_foreign(folder)
            return None
        try:
            content = json.loads(file.read_bytes())
            written, space = int(content["format"]), content["space"]
            if written > FORMAT:
                raise LibraryError(
                    f"`{folder}` is a library of format {written}; this phosphene reads up to {FORMAT}",
                    hint="a newer phosphene made it: `pip install --upgrade phosphene`",
                )
            return cls(Space(space["id"], space["name"], int(space["dimension"])), written)
        except (ValueError, KeyError, TypeError) as error:
            raise LibraryError(
                f"`{file}` is damaged: {error!r}", hint="restore it from a backup, or add the pictures anew"
            ) from error

    def write(self, folder: Path) -> None:
        """Make `folder` a library of this space."""
        space = {"id": self.space.id, "name": self.space.name, "dimension": self.space.dimension}
        text = json.dumps({"format": self.format, "space": space}, indent=2)
        write_whole(folder / NAME, text.encode())


def _refuse_foreign(folder: Path) -> None:
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
