"""Pictures on this machine: folders, files, and captions in COCO files or beside the pictures.

Scanning opens no picture. A folder that cannot be listed is yielded like a picture, so that adding it
reports the reason. A captions file that cannot be read is yielded as a Failure, and the scan goes on.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from phosphene.errors import ImageError
from phosphene.images import read
from phosphene.records import Failure
from phosphene.sources.coco import Listing, listing
from phosphene.sources.encodings import text_of
from phosphene.sources.file_names import FileNames, absolute
from phosphene.sources.item import Item
from phosphene.sources.uris import file_uri

ENDINGS = {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff"}
CAPTIONS = "captions.json"  # the name of a COCO file with the captions of its own folder
LIBRARY = {"library.json", "journal.sqlite"}  # a folder with these is a library, not a source
LARGEST_TEXT = 1 << 20  # bytes of a text file beside a picture


class LocalFiles:
    """A Source of folders with everything below them, single files, and captions files in COCO's format."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Raises ImageError if a path does not exist."""
        self._roots = [existing(path) for path in paths]

    def items(self) -> Iterator[Item | Failure]:
        """Every picture once, in the order of the names; then the captions files that cannot be read.

        Links are followed, and each folder is walked once. In folders, hidden files, libraries and files
        with other endings are skipped. A file that the user named is taken whatever its ending.
        A picture's captions are those of COCO files, in their order, then the lines of a `.txt` file
        beside it. Raises ImageError where the user named a `.json` file that is not a captions file.
        """
        found = _Scan([root for root in self._roots if root.is_dir()])
        listed = {root: found.take(root) for root in self._roots if _is_json(root)}
        done: set[Path] = set()  # stays empty with one root, which has no path twice: it may be very large
        count = 0
        for path in found.files(self._roots, listed):
            if path in done:
                continue
            if len(self._roots) > 1:
                done.add(path)
            count += 1
            yield file_item(path, found.captions_of(path))
        if count:
            yield from found.failures

    def close(self) -> None:
        """Nothing is open."""


def file_item(path: Path, captions: Iterable[str] = ()) -> Item:
    """The item of a file on this machine."""
    place = absolute(path)
    try:
        status = place.stat()
    except (OSError, ValueError):  # opening it raises the reason
        return Item(file_uri(place), partial(_content, place), tidied(captions))
    stamp = f"{status.st_size}-{status.st_mtime_ns}"
    modified = status.st_mtime_ns / 1e9
    return Item(file_uri(place), partial(_content, place), tidied(captions), stamp=stamp, modified=modified)


def tidied(captions: Iterable[str]) -> tuple[str, ...]:
    """The captions, each on one line and in valid Unicode, without empty ones and repetitions."""
    return tuple(dict.fromkeys(tidy for caption in captions if (tidy := _tidy(caption))))


def _content(path: Path) -> bytes:
    return read(path).content


def existing(path: Path) -> Path:
    """The absolute path of what a user named. Raises ImageError if it does not exist."""
    place = absolute(path)
    try:
        place.lstat()
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise ImageError(
            f"`{path}` cannot be added: {reason}.", hint="name folders or files that exist"
        ) from error
    return place


def _is_json(path: Path) -> bool:
    return path.suffix.lower() == ".json" and not path.is_dir()


class _Scan:
    """One scan: the captions that it has found so far, and what it could not read."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders  # that the user named
        self.names = FileNames()
        self.captions: dict[Path, tuple[str, ...]] = {}
        self.failures: dict[Failure, None] = {}  # in order, and each once

    def take(self, file: Path) -> Listing:
        """Read a captions file that the user named. Its pictures may be in any folder that the user named."""
        found = listing(file, [file.parent, *self.folders], self.names)
        self._merge(file, found)
        return found

    def files(self, roots: Iterable[Path], listed: dict[Path, Listing]) -> Iterator[Path]:
        """Yield all files in order."""
        visited: set[tuple[int, int]] = set()
        for root in roots:
            if root in listed:
                yield from listed[root].captions
            elif root.is_dir():
                yield from self._walk(root, visited)
            else:
                yield root

    def captions_of(self, path: Path) -> tuple[str, ...]:
        """All captions of a picture, from COCO files and from the text file beside it."""
        return tidied([*self.captions.get(path, ()), *self._beside(path)])

    def _walk(self, root: Path, visited: set[tuple[int, int]]) -> Iterator[Path]:
        stack = [(root, True)]
        while stack:
            path, is_folder = stack.pop()
            if not is_folder:
                if path.suffix.lower() in ENDINGS:
                    yield path
                continue
            try:
                status, names = path.stat(), _names_in(path)
            except OSError:
                yield path
                continue
            folder = (status.st_dev, status.st_ino)
            if folder in visited or names.keys() >= LIBRARY:
                continue
            visited.add(folder)
            if CAPTIONS in names:
                self._take_if_it_is_one(path / CAPTIONS)
            shown = sorted((name for name in names if not name.startswith(".")), reverse=True)
            stack.extend((path / name, names[name]) for name in shown)

    def _take_if_it_is_one(self, file: Path) -> None:
        """Read a captions file that was found. It may describe only pictures in its folder and below."""
        try:
            self._merge(file, listing(file, [file.parent], self.names))
        except ImageError as error:
            self._skip(file, error.message.replace(f"`{file}`", "it", 1))

    def _beside(self, picture: Path) -> list[str]:
        """The captions in the `.txt` file beside a picture: one in each line."""
        if not self.names.may_end(picture.parent, ".txt"):
            return []
        file = self.names.spelled(picture.with_suffix(".txt"))
        if file is None or file == picture:
            return []
        try:
            return text_of(read(file, largest=LARGEST_TEXT).content).splitlines()
        except (ImageError, ValueError, MemoryError) as error:
            self._skip(file, f"its captions cannot be read: {error}")
            return []

    def _merge(self, file: Path, found: Listing) -> None:
        for path, texts in found.captions.items():
            self.captions[path] = tidied([*self.captions.get(path, ()), *texts])
        for fault in found.faults:
            self._skip(file, fault)

    def _skip(self, file: Path, fault: str) -> None:
        self.failures[Failure(file_uri(file), fault)] = None


def _names_in(folder: Path) -> dict[str, bool]:
    """The names in a folder, and whether they are folders. A link is what it leads to."""
    with os.scandir(folder) as entries:
        return {
            entry.name: os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()  # noqa: PTH112
            for entry in entries
        }


def _tidy(caption: str) -> str:
    """The caption on one line, and valid Unicode even where JSON escapes half a letter."""
    return " ".join(caption.encode("utf-8", "surrogatepass").decode("utf-8", "replace").split())
