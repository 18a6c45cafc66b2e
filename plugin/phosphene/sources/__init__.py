"""Where pictures come from: folders, files, and captions in COCO files or beside the pictures.

Scanning opens no picture. What cannot be listed is handed on like a picture, so that adding it names
the reason; a captions file that cannot be read is handed on with its fault, and stops nothing.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from phosphene.errors import ImageError
from phosphene.images import read
from phosphene.records import Image
from phosphene.sources.coco import Listing, listing
from phosphene.sources.encodings import text_of
from phosphene.sources.languages import fullest
from phosphene.sources.names import Names, absolute

__all__ = ["REMOTE", "Item", "fullest", "is_remote", "scan", "to_path", "to_uri", "was_added"]

ENDINGS = {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
CAPTIONS = "captions.json"  # the COCO file that holds the captions of the folder that it lies in
LIBRARY = {"library.json", "journal.sqlite"}  # a folder with these is a library, not a source
LARGEST_TEXT = 1 << 20  # bytes of the captions beside one picture
REMOTE = ("http://", "https://", "weaviate://", "weaviates://")


@dataclass(frozen=True, slots=True)
class Item:
    """A file that is to be added, and its captions; or a captions file, and why it is passed over."""

    path: Path  # absolute
    captions: tuple[str, ...] = ()
    fault: str = ""


def scan(paths: Sequence[Path]) -> Iterator[Item]:
    """Everything to add in folders (recursively), files and COCO captions files, each path once.

    Folders come in the order of their names; links are followed, each folder is walked once.
    In folders, other endings, hidden names and libraries are passed over; a file that is named
    is taken whatever its ending. Captions are those of COCO files, in their order, then the
    lines of a `.txt` file beside the picture. Captions files that are odd come last, with their faults.
    Raises ImageError for a path that does not exist, where there is no picture at all, and for a
    captions file that was named and is none.
    """
    roots = [_there(path) for path in paths]
    found = _Scan([root for root in roots if root.is_dir()])
    listed = {root: found.take(root) for root in roots if _is_json(root)}
    done: set[Path] = set()
    for path in found.files(roots, listed):
        if path not in done:
            done.add(path)
            yield found.item(path)
    if not done:
        names = ", ".join(f"`{path}`" for path in paths)
        raise ImageError(
            f"there is no picture in {names}", hint="jpg, png, webp, gif, bmp and tif are read, in any case"
        )
    yield from found.faults


def to_uri(path: Path, folder: Path) -> str:
    """How a library in `folder` names a file: by its path, relative where the file lies inside.

    A path that is no Unicode is written as `file:///…` with escapes.
    """
    place = absolute(path)
    inside = place.is_relative_to(folder)
    name = place.relative_to(folder).as_posix() if inside else str(place)
    return place.as_uri() if _has_surrogates(name) else name


def to_path(uri: str, folder: Path) -> Path:
    """The file that a library in `folder` names so: the way back from `to_uri`."""
    if uri.startswith("file:///"):
        return Path(os.fsdecode(unquote_to_bytes(uri.removeprefix("file://"))))
    return folder / uri


def is_remote(uri: str) -> bool:
    """Whether a uri names a place on another machine, rather than a file of this one."""
    return uri.startswith(REMOTE)


def was_added(image: Image) -> bool:
    """Whether an image came from a file of this machine, rather than from the library's generator."""
    return not is_remote(image.uri) and image.uri != f"pictures/{image.id}.png"


def _there(path: Path) -> Path:
    place = absolute(path)
    try:
        place.lstat()
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise ImageError(f"`{path}` cannot be added: {reason}", hint="name folders or files") from error
    return place


def _is_json(path: Path) -> bool:
    return path.suffix.lower() == ".json" and not path.is_dir()


class _Scan:
    """One scan: the captions and the faults that were met so far."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders  # those that were named
        self.names = Names()
        self.captions: dict[Path, tuple[str, ...]] = {}
        self.faults: dict[Item, None] = {}  # in order, once each

    def take(self, file: Path) -> Listing:
        """Read a captions file that was named: its pictures may lie in any folder that was."""
        found = listing(file, [file.parent, *self.folders], self.names)
        self._merge(file, found)
        return found

    def files(self, roots: Iterable[Path], listed: dict[Path, Listing]) -> Iterator[Path]:
        """All files, in order."""
        visited: set[tuple[int, int]] = set()
        for root in roots:
            if root in listed:
                yield from listed[root].captions
            elif root.is_dir():
                yield from self._walk(root, visited)
            else:
                yield root

    def item(self, path: Path) -> Item:
        """The picture with all its captions."""
        return Item(path, _distinct([*self.captions.get(path, ()), *self._beside(path)]))

    def _walk(self, root: Path, visited: set[tuple[int, int]]) -> Iterator[Path]:
        stack = [root]
        while stack:
            path = stack.pop()
            if not os.path.isdir(path):  # unlike Path.is_dir, never raises  # noqa: PTH112
                if path.suffix.lower() in ENDINGS:
                    yield path
                continue
            try:
                status, names = path.stat(), sorted(os.listdir(path))  # noqa: PTH208
            except OSError:
                yield path
                continue
            folder = (status.st_dev, status.st_ino)
            if folder in visited or LIBRARY.issubset(names):
                continue
            visited.add(folder)
            if CAPTIONS in names:
                self._take_if_it_is_one(path / CAPTIONS)
            stack.extend(path / name for name in reversed(names) if not name.startswith("."))

    def _take_if_it_is_one(self, file: Path) -> None:
        """Read a captions file that was met: it speaks only of pictures in its folder and below."""
        try:
            self._merge(file, listing(file, [file.parent], self.names))
        except ImageError as error:
            self._pass_over(file, error.message.replace(f"`{file}`", "it", 1))

    def _beside(self, picture: Path) -> list[str]:
        """The lines of the `.txt` file beside a picture: one caption each."""
        file = self.names.there(picture.with_suffix(".txt"))
        if file is None or file == picture:
            return []
        try:
            return text_of(read(file, largest=LARGEST_TEXT).content).splitlines()
        except (ImageError, ValueError, MemoryError) as error:
            self._pass_over(file, f"its captions cannot be read: {error}")
            return []

    def _merge(self, file: Path, found: Listing) -> None:
        for path, texts in found.captions.items():
            self.captions[path] = _distinct([*self.captions.get(path, ()), *texts])
        for fault in found.faults:
            self._pass_over(file, fault)

    def _pass_over(self, file: Path, fault: str) -> None:
        self.faults[Item(file, fault=fault)] = None


def _distinct(captions: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tidy for caption in captions if (tidy := _tidy(caption))))


def _tidy(caption: str) -> str:
    """On one line, and Unicode even where JSON escapes half a letter."""
    return " ".join(caption.encode("utf-8", "surrogatepass").decode("utf-8", "replace").split())


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)
