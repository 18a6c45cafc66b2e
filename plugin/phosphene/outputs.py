"""Output paths: what may be written over, and what must be left alone.

Every path that a user names to be written goes through `claim` (a file) or `claim_folder`. What
phosphene made itself is replaced without a question; anything else only with `--force`. A picture says
by its EXIF tag `Software` that phosphene made it, a text by its first kilobytes.
"""

import os
from collections.abc import Callable, Iterable
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


def claim_folder(folder: Path, is_ours: Callable[[Path], bool], *, force: bool = False) -> Path:
    """The folder, where it may be written into: it is not there, empty, or `is_ours` says so of it.

    Raises OutputError for anything else. With `force` too, only files of our own names are replaced.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"`{folder}` is a file, not a folder", hint="name a folder")
    if not force and folder.exists() and any(os.scandir(folder)) and not is_ours(folder):
        raise OutputError(f"`{folder}` holds files that phosphene did not make", hint=HINT)
    return folder


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
