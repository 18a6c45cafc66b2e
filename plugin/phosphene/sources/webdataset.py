"""webdataset's tars: the members `000.jpg`, `000.txt` and `000.json` of a tar are one sample.

The key of a sample is the name of its members up to the first dot of the last part, and the members of a
sample lie next to each other (https://github.com/webdataset/webdataset). img2dataset writes such tars.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path, PurePosixPath
from tarfile import TarInfo
from typing import BinaryIO

from phosphene.errors import ImageError
from phosphene.records import Failure
from phosphene.sources.braces import expanded
from phosphene.sources.columns import Description, together
from phosphene.sources.folders import ENDINGS
from phosphene.sources.item import Item
from phosphene.sources.local_files import existing, tidied
from phosphene.sources.scan_options import ScanOptions
from phosphene.sources.sidecars import LARGEST_TEXT, of_json, of_text
from phosphene.sources.tar_members import Shard, local_shard, members
from phosphene.sources.uris import file_uri, part_uri

TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")  # compressed ones are refused in time
TEXTS, JSON = {".txt", ".caption", ".cap"}, ".json"  # members that describe the pictures of their sample
LAST_TIME = 253_402_300_800  # the beginning of the year 10000, in seconds since 1970


class WebDataset:
    """A Source of the pictures in tars, which may be named by a pattern such as `shards/{000..010}.tar`."""

    def __init__(self, names: Sequence[str], options: ScanOptions) -> None:
        """Raises ImageError if a tar does not exist."""
        self._paths = dict.fromkeys(existing(Path(each)) for name in names for each in tars_of(name))
        self._left_out = options.left_out

    def items(self) -> Iterator[Item | Failure]:
        """Every picture once, in the order of the members; and failures for what cannot be read."""
        for path in self._paths:
            try:
                yield from Samples(local_shard(path), self._left_out).items()
            except ImageError as error:
                yield Failure(file_uri(path), error.message)

    def close(self) -> None:
        """Nothing is open."""


def is_tar(name: str) -> bool:
    """Whether a name is that of a tar, or a pattern of several."""
    return name.lower().endswith(TARS) and not os.path.isdir(name)  # noqa: PTH112


def tars_of(name: str) -> list[str]:
    """The tars that a name stands for. The name of an existing file may have braces in it."""
    return [name] if os.path.lexists(name) else expanded(name)


def each_tar(names: Sequence[str]) -> list[list[str]]:
    """The tars that names stand for, each by itself."""
    return [[tar] for name in names for tar in tars_of(name)]


class Samples:
    """The samples of one tar."""

    def __init__(self, shard: Shard, left_out: Counter[str]) -> None:
        self._shard, self._left_out = shard, left_out
        self._names: set[str] = set()  # of the pictures so far

    def items(self) -> Iterator[Item | Failure]:
        """The pictures with what is said about them, and failures. Raises ImageError as the shard does."""
        with self._shard.open() as file:
            for _, sample in groupby(self._listed(file), key=_key):
                yield from self._items_of(list(sample), file)

    def _listed(self, file: BinaryIO) -> Iterator[TarInfo | Failure]:
        """The members that are not hidden, and at last a failure if the tar is cut off.

        It is not raised here, so that the last sample is not lost.
        """
        try:
            yield from (member for member in members(file) if not _is_hidden(member))
        except ImageError as error:
            yield Failure(self._shard.uri, f"{error.message} ({error.hint})" if error.hint else error.message)

    def _items_of(self, sample: Sequence[TarInfo | Failure], file: BinaryIO) -> Iterator[Item | Failure]:
        said, pictures = Description(), list[TarInfo]()
        for member in sample:
            if isinstance(member, Failure):
                yield member
            elif _ending(member) in ENDINGS:
                pictures.append(member)
            elif member.isreg() and (_ending(member) in TEXTS or _ending(member) == JSON):
                try:
                    said = together([said, _description(member, file)])
                except ValueError as error:
                    yield Failure(self._uri(member), f"its captions cannot be read: {error}")
            elif member.isreg():
                self._left_out[_ending(member)] += 1
        yield from (self._item(member, said) for member in pictures if not member.isdir())

    def _item(self, member: TarInfo, said: Description) -> Item | Failure:
        if not member.isreg() or member.issparse():
            return Failure(self._uri(member), "it is a link or a device, and nothing in a tar is followed")
        if member.name in self._names:
            return Failure(self._uri(member), "a member before it has the same name")
        self._names.add(member.name)
        return Item(
            self._uri(member),
            partial(self._shard.read, member.offset_data, member.size),
            tidied(said.captions),
            said.fields,
            stamp=f"{self._shard.stamp}+{member.offset_data}",
            modified=member.mtime if 0 < member.mtime < LAST_TIME else None,
        )

    def _uri(self, member: TarInfo) -> str:
        return part_uri(self._shard.uri, member.name)


def _description(member: TarInfo, file: BinaryIO) -> Description:
    """What a member says about its sample. Raises ValueError with the reason if it cannot be read."""
    if member.size > LARGEST_TEXT:
        raise ValueError(f"it is larger than {LARGEST_TEXT >> 20} MB")
    file.seek(member.offset_data)
    content = file.read(member.size)
    return of_json(content) if _ending(member) == JSON else of_text(content)


def _key(member: TarInfo | Failure) -> str:
    if isinstance(member, Failure):
        return ""
    folder, slash, name = member.name.rpartition("/")
    return f"{folder}{slash}{name.partition('.')[0]}"


def _is_hidden(member: TarInfo) -> bool:
    return PurePosixPath(member.name).name.startswith(".")


def _ending(member: TarInfo) -> str:
    return PurePosixPath(member.name).suffix.lower()
