"""Shards: the parts of what a user names that can be listed by different processes.

Each tar is a shard, and so is each source of a plugin. All folders and files together are one, because a
captions file may name pictures in any of them; listing them opens no picture.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from phosphene.errors import ClusterError, PhospheneError
from phosphene.records import Failure
from phosphene.sources.file_names import absolute
from phosphene.sources.item import Item
from phosphene.sources.kinds import by_kind
from phosphene.sources.scan_options import ScanOptions
from phosphene.sources.scanning import SourceName
from phosphene.sources.uris import scheme_of


@dataclass(frozen=True, slots=True)
class SourceShard:
    """The names of one source. Any process that sees its files can list it."""

    names: tuple[str, ...]
    options: ScanOptions

    def items(self) -> Iterator[Item | Failure]:
        """The items of the source, in the same order every time. If it cannot be listed, a failure."""
        try:
            for kind, names in by_kind(self.names):
                with closing(kind.open(names, self.options)) as source:
                    yield from source.items()
        except PhospheneError as error:
            yield Failure(self.names[0], error.message)


def shards_of(names: Sequence[SourceName], options: ScanOptions) -> list[SourceShard]:
    """The shards of everything that is named. Raises ClusterError for what only this process can read."""
    shards: list[SourceShard] = []
    for kind, group in by_kind([_anywhere(name) for name in names]):
        parts = kind.parts(group) if kind.parts else [group]
        shards += [SourceShard(tuple(part), options) for part in parts]
    return shards


def _anywhere(name: SourceName) -> str:
    """A name that means the same in every folder."""
    if isinstance(name, Path):
        return str(absolute(name))
    if not isinstance(name, str) or name == "-":
        what = "The standard input" if name == "-" else f"The open source `{name!r}`"
        raise ClusterError(
            f"{what} can be read only by this process.",
            hint="name folders, files, tars or `scheme:…`, or add it without `--engine ray`",
        )
    is_path = os.path.lexists(name) or not scheme_of(name)
    return os.path.abspath(name) if is_path else name  # noqa: PTH100
