"""Finds the file that a name in a captions file means, and never one outside of given folders.

macOS and its archives write `é` as two characters (NFD), most other systems as one (NFC). Captions files
from Windows separate folders by backslashes.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from unicodedata import normalize

FOLDERS = 16  # whose lists of names are kept in memory


def absolute(path: Path) -> Path:
    """The absolute path without `..`. Links stay: a picture keeps the name that the user gave it."""
    place = os.path.abspath(path)  # noqa: PTH100
    return path if place == str(path) else Path(place)  # making a path takes longer than comparing it


class FileNames:
    """The names in folders. Each folder is listed once in a scan."""

    def __init__(self) -> None:
        self._spellings = lru_cache(maxsize=FOLDERS)(_spellings)
        self._endings = lru_cache(maxsize=FOLDERS)(_endings)

    def may_end(self, folder: Path, ending: str) -> bool:
        """Whether there may be a file with this ending in a folder. It is asked for every picture in it."""
        endings = self._endings(folder)
        return endings is None or ending in endings

    def spelled(self, path: Path) -> Path | None:
        """The path as the disk spells it, or None if there is no such file."""
        if os.path.lexists(path):
            return path
        if str(path).isascii():
            return None
        folder = path.parent if os.path.lexists(path.parent) else self._parent(path)
        name = self._spellings(folder).get(normalize("NFC", path.name)) if folder else None
        return folder / name if folder and name else None

    def meant(self, name: str, folders: Sequence[Path]) -> Path:
        """The file of that name in the first folder that has it, or else its path in the first folder.

        Raises ValueError with the reason if the name leads outside of all folders, or if no file can have
        this name.
        """
        paths = list(_inside(name, folders))
        found = (self.spelled(path) for path in paths)
        return next((path for path in found if path), paths[0])

    def _parent(self, path: Path) -> Path | None:
        return None if path.parent == path else self.spelled(path.parent)


def _inside(name: str, folders: Sequence[Path]) -> Iterator[Path]:
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        raise ValueError(f"no file can be named {name!r}") from error
    if "\0" in name or not name.strip():
        raise ValueError(f"no file can be named {name!r}")
    spellings = (name, name.replace("\\", "/")) if "\\" in name else (name,)
    paths = [absolute(folder / spelled) for folder in folders for spelled in spellings]
    inside = [path for path in paths if any(path.is_relative_to(one) and path != one for one in folders)]
    if not inside:
        raise ValueError(f"`{name}` lies outside of its folder: add the folder that it lies in, too")
    yield from inside


def _endings(folder: Path) -> frozenset[str] | None:
    """The endings of all names in a folder, in small letters, or None if it cannot be listed."""
    try:
        return frozenset(os.path.splitext(name)[1].lower() for name in os.listdir(folder))  # noqa: PTH122, PTH208
    except OSError:
        return None


def _spellings(folder: Path) -> Mapping[str, str]:
    """The names in a folder, by their NFC form."""
    try:
        return {normalize("NFC", name): name for name in sorted(os.listdir(folder), reverse=True)}  # noqa: PTH208
    except OSError:
        return {}
