"""Pictures in any file system of fsspec: folders with everything below them, files, tars and tables."""

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from phosphene.errors import ImageError, first_line
from phosphene.images.reading import LARGEST
from phosphene.records import Failure
from phosphene.sources.braces import expanded
from phosphene.sources.file_systems import CHAIN, explained, open_file_system, with_absolute_paths
from phosphene.sources.folders import ENDINGS, JUNK, NOT_COUNTED
from phosphene.sources.globs import Choice
from phosphene.sources.item import Item
from phosphene.sources.remote_tables import RemoteTable
from phosphene.sources.scan_options import ScanOptions
from phosphene.sources.tar_members import Shard
from phosphene.sources.uris import scheme_of
from phosphene.sources.webdataset import Samples, is_tar

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

ON_THE_WEB = {"http", "https"}
Info = Mapping[str, Any]
# What file systems call a checksum of the bytes, and the time of the last change
CHECKSUMS = ("ETag", "etag", "md5Hash", "Content-MD5", "Digest", "checksum", "blob_id", "sha", "CRC")
TIMES = ("LastModified", "last_modified", "Last-Modified", "mtime", "updated", "modified", "created")


class RemoteFiles:
    """A Source of one name, which may be a pattern such as `s3://bucket/{000..010}.tar`."""

    def __init__(self, name: str, options: ScanOptions) -> None:
        """Raises MissingExtraError if a package is missing, and ImageError if a name cannot be opened."""
        self._options = options
        self._tables: list[RemoteTable] = []
        if not options.allow_urls and ON_THE_WEB.intersection(map(scheme_of, name.split(CHAIN))):
            raise ImageError(
                f"`{name}` is on the web, and nothing is fetched unasked.",
                hint="pass --allow-urls, if you trust the place",
            )
        self._places = [RemotePlace(each) for each in expanded(with_absolute_paths(name))]

    def items(self) -> Iterator[Item | Failure]:
        """Every picture once, in the order of the names; and failures for what cannot be read."""
        for place in self._places:
            info = place.info()
            if info["type"] == "directory":
                yield from self._below(place)
            elif is_tar(str(info["name"])):
                yield from self._in_tar(place, info)
            elif str(info["name"]).lower().endswith(".parquet"):
                self._tables.append(RemoteTable(place.shard(info)))
                yield from self._tables[-1].items()
            else:
                yield place.item(info)

    def close(self) -> None:
        """Close the tables. The file systems stay open for the next one who asks, as fsspec has it."""
        for table in self._tables:
            table.close()

    def _in_tar(self, place: "RemotePlace", info: Info) -> Iterator[Item | Failure]:
        try:
            yield from Samples(place.shard(info), self._options.left_out).items()
        except ImageError as error:
            yield Failure(place.uri(info), error.message)

    def _below(self, place: "RemotePlace") -> Iterator[Item | Failure]:
        for found in place.walk(self._options):
            if isinstance(found, Failure):
                yield found
            elif (ending := PurePosixPath(found["name"]).suffix.lower()) in ENDINGS:
                yield place.item(found)
            elif ending not in NOT_COUNTED:
                self._options.left_out[ending] += 1


class RemotePlace:
    """A place in a file system of fsspec that a user named."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._fs, self._path = open_file_system(name)
        self._scheme, self._chain = scheme_of(name), "".join(name.partition(CHAIN)[1:])

    def uri(self, info: Info) -> str:
        """The uri of a file: the scheme that the user named, its path, and the file that it lies in."""
        return f"{self._scheme}://{str(info['name']).removeprefix(f'{self._scheme}://')}{self._chain}"

    def info(self) -> Info:
        """What is known of the place. Raises ImageError if it does not exist."""
        try:
            with explained():
                return cast("Info", self._fs.info(self._path))
        except ImageError as error:
            raise ImageError(f"`{self._name}` cannot be added: {error.message}.") from error

    def walk(self, options: ScanOptions) -> Iterator[Info | Failure]:
        """The files below the place in the order of their names, and folders that cannot be listed."""
        faults: list[str] = []
        choice = Choice.of(options.include, options.exclude)
        steps = self._fs.walk(
            self._path, detail=True, on_error=lambda error: faults.append(first_line(error))
        )
        try:
            with explained():
                for _, folders, files in steps:
                    for name in sorted(folders):
                        info = folders.pop(name)
                        if name.lower() not in JUNK and self._is_left_in(name, info, choice, "/"):
                            folders[name] = info  # in the order of the names, in which fsspec goes on
                    chosen = (name for name in sorted(files) if self._is_left_in(name, files[name], choice))
                    yield from map(files.__getitem__, chosen)
        except ImageError as error:
            faults.append(error.message)
        yield from (Failure(self._name, fault) for fault in faults)

    def _is_left_in(self, name: str, info: Info, choice: Choice | None, end: str = "") -> bool:
        """Whether a name in a folder is not hidden, and `--include` and `--exclude` leave it in."""
        below = str(info["name"]).removeprefix(self._path).strip("/")
        return bool(name) and not name.startswith(".") and (choice is None or choice.wants(f"{below}{end}"))

    def item(self, info: Info) -> Item:
        """The item of a file."""
        when = _time(info)
        return Item(
            self.uri(info),
            partial(_content, self._fs, info["name"], info.get("size") or 0),
            stamp=stamp_of(info),
            modified=when if isinstance(when, float) else None,
        )

    def shard(self, info: Info) -> Shard:
        """The tar in a file."""
        fs, name = self._fs, info["name"]
        return Shard(self.uri(info), stamp_of(info), partial(_opened, fs, name), partial(_range, fs, name))


def stamp_of(info: Info) -> str:
    """What changes with the bytes: a checksum, or size and time. It is empty if neither is known."""
    checksum = next((info[key] for key in CHECKSUMS if info.get(key)), None)
    known = checksum or _time(info)
    return f"{info.get('size')}:{known}" if known else ""


def _time(info: Info) -> float | str | None:
    """The time of the last change in seconds since 1970, or as a text that phosphene cannot read."""
    when = next((info[key] for key in TIMES if info.get(key)), None)
    if isinstance(when, datetime):
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    return when if isinstance(when, float | str) else None


def _content(fs: "AbstractFileSystem", path: str, size: int) -> bytes:
    if size > LARGEST:
        raise ImageError(f"it is larger than {LARGEST >> 30} GB")
    with explained():
        return bytes(fs.cat_file(path))


def _range(fs: "AbstractFileSystem", path: str, offset: int, size: int) -> bytes:
    if size > LARGEST:
        raise ImageError(f"it is larger than {LARGEST >> 30} GB")
    with explained():
        return bytes(fs.cat_file(path, start=offset, end=offset + size))


@contextmanager
def _opened(fs: "AbstractFileSystem", path: str) -> Iterator[BinaryIO]:
    with explained():
        file = fs.open(path, "rb")
    with file:
        yield cast("BinaryIO", _Explained(file))


class _Explained(io.RawIOBase):
    """A file of a file system, whose errors are ImageErrors."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        with explained():
            return bytes(self._file.read(size))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        with explained():
            return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())
