"""Pictures on this machine: folders, files, and what captions files and sidecars say about them.

Scanning opens no picture. A folder that cannot be listed is yielded like a picture, so that adding it
reports the reason. A captions file that cannot be read is yielded as a Failure, and the scan goes on.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from phosphene.errors import ImageError
from phosphene.images import read
from phosphene.records import Failure
from phosphene.sources.coco import coco_listing
from phosphene.sources.columns import NOTHING, Description, together
from phosphene.sources.file_names import FileNames, absolute
from phosphene.sources.folders import FolderWalk, Names
from phosphene.sources.item import Item
from phosphene.sources.listings import Listing, ReadListing
from phosphene.sources.metadata_files import NAMES, READERS, table_listing
from phosphene.sources.scan_options import ScanOptions
from phosphene.sources.sidecars import Sidecars
from phosphene.sources.uris import file_uri

LISTINGS: Mapping[str, ReadListing] = {".json": coco_listing} | dict.fromkeys(READERS, table_listing)
MET = ("captions.json", *NAMES)  # the names of listings that are read where a folder has them


class LocalFiles:
    """A Source of folders with everything below them, single files, and captions files in COCO's format."""

    def __init__(self, paths: Iterable[Path], options: ScanOptions | None = None) -> None:
        """Raises ImageError if a path does not exist."""
        self._roots = [existing(path) for path in paths]
        self._options = options or ScanOptions()

    def items(self) -> Iterator[Item | Failure]:
        """Every picture once, in the order of the names; then the captions files that cannot be read.

        Links are followed, and each folder is walked once. In folders, hidden files, libraries and files
        with other endings are skipped. A file that the user named is taken whatever its ending.
        A picture's captions are those of COCO files, in their order, then those of the sidecars beside it.
        Raises ImageError where the user named a `.json` file that is not a captions file.
        """
        found = PathScan([root for root in self._roots if root.is_dir()], self._options)
        listed = {root: found.take(root) for root in self._roots if _is_listing(root)}
        done: set[Path] = set()  # stays empty with one root, which has no path twice: it may be very large
        count = 0
        for root in self._roots:
            for path in found.files(root, listed.get(root)):
                if path in done:
                    continue
                if len(self._roots) > 1:
                    done.add(path)
                count += 1
                yield found.item(path)
        if count:
            yield from found.failures

    def close(self) -> None:
        """Nothing is open."""


def file_item(path: Path, captions: Iterable[str] = (), fields: Mapping[str, object] | None = None) -> Item:
    """The item of a file on this machine."""
    place = absolute(path)
    item = partial(Item, file_uri(place), partial(_content, place), tidied(captions), fields or {})
    try:
        status = place.stat()
    except (OSError, ValueError):  # opening it raises the reason
        return item()
    return item(f"{status.st_size}-{status.st_mtime_ns}", status.st_mtime_ns / 1e9)


def tidied(captions: Iterable[str]) -> tuple[str, ...]:
    """The captions, each on one line and in valid Unicode, without empty ones and repetitions."""
    return tuple(dict.fromkeys(tidy for caption in captions if (tidy := _tidy(caption))))


class PathScan:
    """One scan: what it has found so far about pictures, and what it could not read."""

    def __init__(self, folders: list[Path], options: ScanOptions) -> None:
        self.failures: dict[Failure, None] = {}  # in order, and each once
        self._folders = folders  # that the user named
        self._names = FileNames()
        self._known: dict[Path, Description] = {}
        self._walk = FolderWalk(options, self._enter)
        self._sidecars = Sidecars(self._names, self._skip)

    def take(self, file: Path) -> Listing:
        """Read a listing that the user named. Its pictures may be in any folder that the user named."""
        read_listing = LISTINGS[file.suffix.lower()]
        found = read_listing(file, [file.parent, *self._folders], self._names)
        self._merge(file, found)
        return found

    def files(self, root: Path, listed: Listing | None = None) -> Iterator[Path]:
        """Yield the pictures of something that the user named, in order."""
        if listed is not None:
            yield from (path for path in listed.about if self._walk.wants(path, path.parent))
        elif root.is_dir():
            yield from self._walk.files(root)
        elif self._walk.wants(root, root.parent):
            yield root

    def item(self, path: Path) -> Item:
        """The item of a picture, with all that is known about it."""
        known, beside = self._known.get(path), self._sidecars.of(path)
        if known is None and beside is NOTHING:
            return file_item(path)
        about = together([known or NOTHING, beside])
        return file_item(path, about.captions, about.fields)

    def _enter(self, folder: Path, names: Names) -> None:
        """Read the listings of a folder. They may describe only pictures in their folder and below."""
        for name in MET:
            if name not in names:
                continue
            file = folder / name
            try:
                self._merge(file, LISTINGS[file.suffix](file, [folder], self._names))
            except ImageError as error:
                self._skip(file, error.message.replace(f"`{file}`", "it", 1))

    def _merge(self, file: Path, found: Listing) -> None:
        for path, about in found.about.items():
            self._known[path] = together([self._known.get(path, NOTHING), about])
        for fault in found.faults:
            self._skip(file, fault)

    def _skip(self, file: Path, fault: str) -> None:
        self.failures[Failure(file_uri(file), fault)] = None


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


def _is_listing(path: Path) -> bool:
    return path.suffix.lower() in LISTINGS and not path.is_dir()


def _tidy(caption: str) -> str:
    """The caption on one line, and valid Unicode even where JSON escapes half a letter."""
    return " ".join(caption.encode("utf-8", "surrogatepass").decode("utf-8", "replace").split())
