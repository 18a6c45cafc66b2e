"""Output paths: what may be written over, and what must be left alone.

Every path that a user names to be written goes through `claim` (a file) or `claim_folder`. What
phosphene made itself is replaced without a question; anything else only with `--force`. A picture says
by its EXIF tag `Software` that phosphene made it, a page by its `generator`.
"""

import os
import stat
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from phosphene import __version__
from phosphene.errors import OutputError
from phosphene.files import write_whole

SOFTWARE = 0x0131  # the EXIF tag of the program that wrote a picture
NAME = "phosphene"
GENERATOR = f"{NAME} {__version__}"
HEAD = 4096  # bytes of a page in which its `generator` stands
LIBRARY = {"library.json", "journal.sqlite"}  # what lies in the folder of a library
HINT = "name another place, or give --force to overwrite it"


def mark() -> bytes:
    """EXIF that says phosphene wrote a picture, for `Image.save(exif=…)` of PNG, JPEG and WebP."""
    from PIL.Image import Exif

    exif = Exif()
    exif[SOFTWARE] = GENERATOR
    return exif.tobytes()


def claim(path: Path, *, force: bool = False, inputs: Iterable[Path] = ()) -> Path:
    """The path, where it may be written: nothing is there, an empty file, or one that phosphene made.

    Raises OutputError for anything else, and for one of the `inputs` of the same command; `force`
    allows both. Nothing allows a place that cannot be written to, or one inside a library. Call it
    before the work begins, since its answer may end the command.
    """
    found = _status(path)
    _refuse_place(path)
    if force or found is None:
        return path
    if any(_same(other, path) for other in inputs):
        raise OutputError(f"`{path}` is what this command reads, and would be overwritten", hint=HINT)
    if found.st_size and not is_ours(path):
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
    if not force and folder.exists() and any(folder.iterdir()) and not is_ours(folder):
        raise OutputError(f"`{folder}` holds files that phosphene did not make", hint=HINT)
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(f"you may not write into `{there}`", hint="name a folder elsewhere")
    return folder


def only(folder: Path, names: Collection[str]) -> bool:
    """Whether a folder holds nothing but these names, and parts of files that a kill cut off."""
    found = {entry.name for entry in os.scandir(folder)} if folder.is_dir() else set()
    return all(name in names or (name.startswith(".") and name.endswith(".part")) for name in found)


def write(path: Path, content: bytes) -> None:
    """Write a file that was claimed, whole or not at all. A link stays, and what it names is written."""
    write_whole(Path(os.path.realpath(path)), content)


def is_ours(path: Path) -> bool:
    """Whether a file says that phosphene wrote it: a picture by its EXIF, a page by its `generator`."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return str(picture.getexif().get(SOFTWARE, "")).startswith(NAME)
    except UnidentifiedImageError:
        return _is_our_page(path)
    except (OSError, ValueError, SyntaxError, LookupError, Image.DecompressionBombError):
        return False  # a damaged picture is somebody's all the same


def _is_our_page(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return f'name="generator" content="{NAME}'.encode() in file.read(HEAD)
    except OSError:
        return False


def _status(path: Path) -> os.stat_result | None:
    """What is known of the file at the path; None where nothing is there."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"`{path}` cannot be written to: {reason}", hint="name another place") from error
    if stat.S_ISDIR(found.st_mode):
        raise OutputError(f"`{path}` is a folder, not a file", hint="name a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise OutputError(f"`{path}` is a device or a pipe, not a file", hint="name a file")
    return found


def _refuse_place(path: Path) -> None:
    """Raise OutputError for a folder that cannot be written into, and for one inside a library."""
    folder = Path(os.path.realpath(path)).parent
    for parent in (folder, *folder.parents):
        if all(os.path.exists(parent / name) for name in LIBRARY):  # noqa: PTH110 - never raises
            raise OutputError(
                f"`{path}` lies inside the library `{parent}`, where only phosphene's own files belong",
                hint="name a place outside of it",
            )
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise OutputError(
            f"`{folder}` is a file, so that `{path}` cannot lie in it", hint="name another place"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(
            f"`{path}` cannot be written: nothing may be written into `{folder}`", hint="name another place"
        )


def _same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:  # one of them is not there
        return False
