"""The file that a name means: as it is spelled on the disk, and never outside of given folders.

macOS and its archives spell `é` as two characters (NFD), most others as one (NFC); captions files from
Windows separate folders by backslashes.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from unicodedata import normalize

FOLDERS = 16  # whose names are remembered


def absolute(path: Path) -> Path:
    """Without `..`, and with links as they are: a picture is known by the name that the user gave it."""
    return Path(os.path.abspath(path))  # noqa: PTH100


class Names:
    """What lies in folders, looked up once in each while one scan lasts."""

    def __init__(self) -> None:
        self._spellings = lru_cache(maxsize=FOLDERS)(_spellings)

    def there(self, path: Path) -> Path | None:
        """The path as the disk spells it; None where nothing lies there."""
        if os.path.lexists(path):
            return path
        if str(path).isascii():
            return None
        folder = path.parent if os.path.lexists(path.parent) else self._parent(path)
        spelled = self._spellings(folder).get(normalize("NFC", path.name)) if folder else None
        return folder / spelled if folder and spelled else None

    def meant(self, name: str, folders: Sequence[Path]) -> Path:
        """The file of that name in the first of the folders that has it, else in the first of them.

        Raises ValueError, with the reason, for a name that leads outside of all folders, and for one
        that no file can have.
        """
        paths = list(_inside(name, folders))
        found = (self.there(path) for path in paths)
        return next((path for path in found if path), paths[0])

    def _parent(self, path: Path) -> Path | None:
        return None if path.parent == path else self.there(path.parent)


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
        raise ValueError(f"`{name}` lies outside of its folder: name the folder that it lies in, too")
    yield from inside


def _spellings(folder: Path) -> Mapping[str, str]:
    """The names in a folder by their NFC form."""
    try:
        return {normalize("NFC", name): name for name in sorted(os.listdir(folder), reverse=True)}  # noqa: PTH208
    except OSError:
        return {}
