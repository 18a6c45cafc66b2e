"""Output paths: what may be written over, and what must be left alone.

Every path that a user names to be written goes through `claim` (a file) or `claim_folder`. What
phosphene made itself is replaced without a question; anything else only with `--force`. A picture says
by its EXIF tag `Software` that phosphene made it, a text by its first kilobytes.
"""

import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from phosphene import __version__
from phosphene.errors import OutputError

SOFTWARE = 0x0131  # the EXIF tag of the program that wrote a picture
NAME = "phosphene"
HEAD = 4096  # bytes of a text in which its `generator` stands
HINT = "name another place, or give --force to overwrite it"


def mark() -> bytes:
    """EXIF that says phosphene wrote a picture, for `Image.save(exif=…)` of PNG, JPEG and WebP."""
    from PIL.Image import Exif

    exif = Exif()
    exif[SOFTWARE] = f"{NAME} {__version__}"
    return exif.tobytes()


def claim(path: Path, *, force: bool = False, inputs: Iterable[Path] = ()) -> Path:
    """The path, where it may be written: nothing is there, an empty file, or one that phosphene made.

    Raises OutputError for anything else, and for one of the `inputs` of the same command; `force`
    allows both. Call it before the work begins, since its answer may end the command.
    """
    if path.is_dir():
        raise OutputError(f"`{path}` is a folder, not a file", hint="name a file in it")
    if force or not path.exists():
        return path
    if any(other.exists() and other.samefile(path) for other in inputs):
        raise OutputError(f"`{path}` is what this command reads, and would be overwritten", hint=HINT)
    if path.stat().st_size and not is_ours(path):
        raise OutputError(f"`{path}` is there already, and phosphene did not make it", hint=HINT)
    return path


def claim_folder(
    folder: Path, is_ours: Callable[[Path], bool], *, force: bool = False, inputs: Iterable[Path] = ()
) -> Path:
    """The folder, where it may be written into: it is not there, empty, or `is_ours` says so of it.

    Raises OutputError for anything else. With `force` too, only files of our own names are replaced, and
    never in one of the `inputs` of the same command.
    """
    if folder.is_symlink() and not folder.exists():
        raise OutputError(f"`{folder}` is a link that leads nowhere", hint="name a folder")
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"`{folder}` is a file, not a folder", hint="name a folder")
    if folder.resolve() == Path(folder.resolve().anchor):
        raise OutputError(f"`{folder}` is the root of all folders", hint="name a folder in it")
    if folder.exists() and any(other.exists() and other.samefile(folder) for other in inputs):
        raise OutputError(f"`{folder}` is what this command reads", hint="name another folder to write to")
    if not force and folder.exists() and any(os.scandir(folder)) and not is_ours(folder):
        raise OutputError(f"`{folder}` holds files that phosphene did not make", hint=HINT)
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(f"you may not write into `{there}`", hint="name a folder elsewhere")
    return folder


def only(folder: Path, names: Collection[str]) -> bool:
    """Whether a folder holds nothing but these names, and parts of files that a kill cut off."""
    found = {entry.name for entry in os.scandir(folder)} if folder.is_dir() else set()
    return all(name in names or (name.startswith(".") and name.endswith(".part")) for name in found)


def is_ours(path: Path) -> bool:
    """Whether a file says that phosphene wrote it: a picture by its EXIF, a page by its `generator`."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return str(picture.getexif().get(SOFTWARE, "")).startswith(NAME)
    except UnidentifiedImageError:
        with path.open("rb") as file:
            return b'name="generator" content="phosphene' in file.read(HEAD)
    except (OSError, ValueError, SyntaxError, LookupError, Image.DecompressionBombError):
        return False  # a damaged picture is somebody's all the same
