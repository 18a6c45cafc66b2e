"""Sources: where pictures come from (the Source seam).

`scan` yields the pictures of everything that a user names after `phosphene add`: folders, files and COCO
captions files on this machine, and `scheme:…` for plugins that are installed.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from phosphene.errors import ImageError, PluginError, listed
from phosphene.plugins import Registry
from phosphene.records import Failure
from phosphene.sources.item import Item, OpenSource, Source
from phosphene.sources.languages import fullest
from phosphene.sources.local_files import ENDINGS, LocalFiles, file_item, tidied
from phosphene.sources.uris import is_own, is_remote, scheme_of, to_path, to_uri, uri_in, was_added

__all__ = [
    "ENDINGS",
    "SOURCES",
    "Item",
    "OpenSource",
    "Scan",
    "Source",
    "SourceName",
    "file_item",
    "fullest",
    "is_own",
    "is_remote",
    "open_source",
    "scan",
    "to_path",
    "to_uri",
    "uri_in",
    "was_added",
]

SourceName = str | Path | Source  # a path, `scheme:…`, or an open source


def _open_file(name: str) -> Source:
    return LocalFiles([to_path(name, Path())])


SOURCES: Registry[OpenSource] = Registry("sources", {"file": lambda: _open_file})


class Scan(Iterator[Item | Failure]):
    """The pictures of several sources in turn. They stay open until `close`, since items are opened late."""

    def __init__(self, names: Sequence[SourceName]) -> None:
        self._names = names
        self._open = ExitStack()
        self._items = self._listing()

    def __next__(self) -> Item | Failure:
        return next(self._items)

    def __enter__(self) -> "Scan":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all sources. No item is opened afterwards."""
        self._open.close()

    def _listing(self) -> Iterator[Item | Failure]:
        count = 0
        for source in self._sources():
            for item in source.items():
                count += isinstance(item, Item)
                yield item
        if not count:
            raise ImageError(
                f"There is no picture in {listed(map(str, self._names))}.",
                hint="name files that end in jpg, png, webp, gif, bmp or tif",
            )

    def _sources(self) -> list[Source]:
        """Open the sources of everything that is named. All paths together are one source."""
        paths, others = list[Path](), list[Source]()
        for name in self._names:
            if isinstance(name, Path) or (isinstance(name, str) and _is_path(name)):
                paths.append(Path(name))
                continue
            others.append(open_source(name) if isinstance(name, str) else name)
            self._open.callback(others[-1].close)
        return [LocalFiles(paths), *others] if paths else others


def scan(names: SourceName | Iterable[SourceName]) -> Scan:
    """Yield the pictures of everything that is named, each once, and failures such as damaged captions files.

    Close the scan when the pictures have been read: `with scan(…) as items`. All paths together are one
    source, so that a captions file may name pictures in any of the folders. The first `next` raises
    ImageError for a path that does not exist, and PluginError for an unknown scheme. The last one raises
    ImageError if there is no picture at all.
    """
    return Scan(list(names) if isinstance(names, Iterable) and not isinstance(names, str) else [names])


def open_source(name: str) -> Source:
    """Open the source of `scheme:…`. Raises PluginError if there is no source of that scheme."""
    scheme = scheme_of(name)
    if not SOURCES.has(scheme):
        raise PluginError(
            f"`{name}` cannot be added: there is no such file, and no source `{scheme}:`.",
            hint=f"name a folder, a file, or one of {listed(f'{each}:' for each in SOURCES.names())},"
            f" or install a package that brings `{scheme}:`",
        )
    source = SOURCES.load(scheme)(name)
    return source if scheme in SOURCES.built_in else _PluginSource(source, scheme)


def _is_path(name: str) -> bool:
    """Whether a name is a path. The name of an existing file may look like a scheme: `a:b.jpg`."""
    return not scheme_of(name) or os.path.lexists(name)


class _PluginSource:
    """The source of a plugin. Its uris must begin with its scheme, and its captions are normalised."""

    def __init__(self, source: Source, scheme: str) -> None:
        self._source = source
        self._scheme = scheme
        self.close = source.close

    def items(self) -> Iterator[Item | Failure]:
        for item in self._source.items():
            if scheme_of(item.uri) != self._scheme:
                raise PluginError(
                    f"The plugin for `{self._scheme}:` yields a picture with the uri `{item.uri}`, which does"
                    f" not begin with `{self._scheme}:`.",
                    hint="report this to the author of the plugin: `phosphene.testing.sources` checks it",
                )
            yield replace(item, captions=tidied(item.captions)) if isinstance(item, Item) else item
