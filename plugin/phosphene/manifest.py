"""The manifest: what makes a folder, or a collection of a server, a library. It is written first."""

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
            _refuse_foreign(folder)
            return None
        return cls.parse(file.read_bytes(), str(folder))

    @classmethod
    def parse(cls, text: bytes, place: str) -> "Manifest":
        """Read the manifest of the library at `place`. Raises LibraryError as `read` does."""
        try:
            content = json.loads(text)
            written, space = int(content["format"]), content["space"]
            if written > FORMAT:
                raise LibraryError(
                    f"`{place}` is a library of format {written}; this phosphene reads up to {FORMAT}",
                    hint="a newer phosphene made it: `pip install --upgrade phosphene`",
                )
            return cls(Space(space["id"], space["name"], int(space["dimension"])), written)
        except (ValueError, KeyError, TypeError) as error:
            raise LibraryError(
                f"the manifest of `{place}` is damaged: {error!r}",
                hint="restore it from a backup, or add the pictures anew",
            ) from error

    @property
    def text(self) -> str:
        """It as JSON, which parses to it."""
        space = {"id": self.space.id, "name": self.space.name, "dimension": self.space.dimension}
        return json.dumps({"format": self.format, "space": space}, indent=2)

    def write(self, folder: Path) -> None:
        """Make `folder` a library of this space."""
        write_whole(folder / NAME, self.text.encode())


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
