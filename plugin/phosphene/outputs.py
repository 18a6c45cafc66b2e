"""Output paths: which files may be overwritten, and which must be left alone.

Every output path that a user names goes through `claim` (a file) or `claim_folder`. A file that phosphene
made is replaced without a question, and any other file only with `--force`. phosphene recognises its own
pictures by the EXIF tag `Software`, and its own pages by their `generator` tag.
"""

import os
import stat
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from phosphene.errors import OutputError
from phosphene.files import write_whole
from phosphene.version import __version__

SOFTWARE = 0x0131  # the EXIF tag of the program that wrote a picture
NAME = "phosphene"
GENERATOR = f"{NAME} {__version__}"
HEAD = 4096  # bytes at the beginning of a page, which hold its `generator` tag
LIBRARY = {"library.json", "journal.sqlite"}  # the files that every library has
HINT = "name another place, or give --force to overwrite it"


def mark() -> bytes:
    """EXIF that says phosphene wrote a picture, for `Image.save(exif=…)` of PNG, JPEG and WebP."""
    from PIL.Image import Exif

    exif = Exif()
    exif[SOFTWARE] = GENERATOR
    return exif.tobytes()


def claim(path: Path, *, force: bool = False, inputs: Iterable[Path] = ()) -> Path:
    """The path, if it may be written: it does not exist, is an empty file, or is a file that phosphene made.

    Raises OutputError for any other file, and for one of the `inputs` of the same command. `force` allows
    both. Nothing allows a path that cannot be written, or one inside a library. It is called before the work
    begins, because it may end the command.
    """
    found = _status(path)
    _refuse_place(path)
    if force or found is None:
        return path
    if any(_same(other, path) for other in inputs):
        raise OutputError(f"`{path}` is an input of this command, and would be overwritten.", hint=HINT)
    if found.st_size and not is_ours(path):
        raise OutputError(f"`{path}` already exists, and bears no mark of phosphene.", hint=HINT)
    return path


def claim_folder(
    folder: Path, is_ours: Callable[[Path], bool], *, force: bool = False, inputs: Iterable[Path] = ()
) -> Path:
    """The folder, if it may be written to: it does not exist, is empty, or is ours according to `is_ours`.

    Raises OutputError for any other folder. Even with `force`, only files with our own names are replaced,
    and one of the `inputs` of the same command is never written to.
    """
    if folder.is_symlink() and not folder.exists():
        raise OutputError(f"`{folder}` is a link to a folder that does not exist.", hint="name a folder")
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"`{folder}` is a file, not a folder.", hint="name a folder")
    if folder.resolve() == Path(folder.resolve().anchor):
        raise OutputError(f"`{folder}` is the root of the file system.", hint="name a folder in it")
    if folder.exists() and any(other.exists() and other.samefile(folder) for other in inputs):
        raise OutputError(f"`{folder}` is an input of this command.", hint="name another folder to write to")
    if not force and folder.exists() and any(folder.iterdir()) and not is_ours(folder):
        raise OutputError(f"`{folder}` contains files that phosphene did not make.", hint=HINT)
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise OutputError(f"You may not write to `{existing}`.", hint="name a folder elsewhere")
    return folder


def only(folder: Path, names: Collection[str]) -> bool:
    """Whether a folder holds only files with these names, and temporary files that a killed process left."""
    found = {entry.name for entry in os.scandir(folder)} if folder.is_dir() else set()
    return all(name in names or (name.startswith(".") and name.endswith(".part")) for name in found)


def write(path: Path, content: bytes) -> None:
    """Write a file that was claimed, as a whole or not at all. Of a link, the target is written."""
    write_whole(Path(os.path.realpath(path)), content)


def is_ours(path: Path) -> bool:
    """Whether phosphene wrote a file, according to a picture's EXIF or a page's `generator` tag."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return str(picture.getexif().get(SOFTWARE, "")).startswith(NAME)
    except UnidentifiedImageError:
        return _is_our_page(path)
    except (OSError, ValueError, SyntaxError, LookupError, Image.DecompressionBombError):
        return False  # a damaged picture may be the user's own


def _is_our_page(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return f'name="generator" content="{NAME}'.encode() in file.read(HEAD)
    except OSError:
        return False


def _status(path: Path) -> os.stat_result | None:
    """The status of the file at a path, or None if there is none."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"`{path}` cannot be written: {reason}.", hint="name another place") from error
    if stat.S_ISDIR(found.st_mode):
        raise OutputError(f"`{path}` is a folder, not a file.", hint="name a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise OutputError(f"`{path}` is a device or a pipe, not a file.", hint="name a file")
    return found


def _refuse_place(path: Path) -> None:
    """Raise OutputError for a file whose folder cannot be written to, or lies inside a library."""
    folder = Path(os.path.realpath(path)).parent
    for parent in (folder, *folder.parents):
        if all(os.path.exists(parent / name) for name in LIBRARY):  # noqa: PTH110 - never raises
            raise OutputError(
                f"`{path}` lies inside the library `{parent}`, which holds only phosphene's own files.",
                hint="name a place outside of it",
            )
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise OutputError(
            f"`{path}` cannot be written: `{folder}` is a file, not a folder.", hint="name another place"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(
            f"`{path}` cannot be written: you may not write to `{folder}`.", hint="name another place"
        )


def _same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:  # one of them does not exist
        return False
