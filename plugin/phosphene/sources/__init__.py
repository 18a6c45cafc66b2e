"""Sources: where pictures come from (the Source seam).

`scan` yields the pictures of everything that a user names after `phosphene add`: folders, files and COCO
captions files of this machine, and `scheme:…` of whatever plugins are installed.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from phosphene.errors import ImageError, PluginError, listed
from phosphene.plugins import Registry
from phosphene.records import Failure
from phosphene.sources.folder import ENDINGS, LocalFiles, file_item, tidied
from phosphene.sources.item import Item, OpenSource, Source
from phosphene.sources.languages import fullest
from phosphene.sources.uris import is_own, is_remote, scheme_of, to_path, to_uri, uri_in, was_added

__all__ = [
    "ENDINGS",
    "SOURCES",
    "Item",
    "OpenSource",
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

SourceName = str | Path | Source  # what a user names: a path, `scheme:…`, or a source that is open already


def _open_file(name: str) -> Source:
    return LocalFiles([to_path(name, Path())])


SOURCES: Registry[OpenSource] = Registry("sources", {"file": lambda: _open_file})


def scan(named: SourceName | Iterable[SourceName]) -> Iterator[Item | Failure]:
    """The pictures of everything that is named, each once, and what could not be read on the way.

    All paths are one source, so that a captions file may speak of pictures in any folder that is named.
    Raises ImageError for a path that does not exist and where there is no picture at all, and PluginError
    for an unknown scheme.
    """
    everything = list(named) if isinstance(named, Iterable) and not isinstance(named, str) else [named]
    count = 0
    for source in _sources(everything):
        try:
            for item in source.items():
                count += isinstance(item, Item)
                yield item
        finally:
            source.close()
    if not count:
        names = ", ".join(f"`{one}`" for one in everything)
        raise ImageError(
            f"there is no picture in {names}", hint="jpg, png, webp, gif, bmp and tif are read, in any case"
        )


def open_source(name: str) -> Source:
    """The source that `scheme:…` stands for. Raises PluginError where there is none of that scheme."""
    scheme = scheme_of(name)
    if not SOURCES.has(scheme):
        raise PluginError(
            f"`{name}` cannot be added: there is no such file, and no source `{scheme}:`",
            hint=f"name a folder, a file, or one of {listed(f'{each}:' for each in SOURCES.names())};"
            f" installing a package that brings `{scheme}:` adds it",
        )
    source = SOURCES.load(scheme)(name)
    return source if scheme in SOURCES.built_in else _Checked(source, scheme)


def _sources(everything: Iterable[SourceName]) -> list[Source]:
    """What is named as sources that are open, all paths in one."""
    paths, others = list[Path](), list[Source]()
    for named in everything:
        if isinstance(named, Path) or (isinstance(named, str) and _is_path(named)):
            paths.append(Path(named))
        else:
            others.append(open_source(named) if isinstance(named, str) else named)
    return [LocalFiles(paths), *others] if paths else others


def _is_path(name: str) -> bool:
    """Whether a name is a path. A file that is there may be named like a scheme: `a:b.jpg`."""
    return not scheme_of(name) or os.path.lexists(name)


class _Checked:
    """The source of a plugin. Its uris keep to its scheme, and its captions are tidied."""

    def __init__(self, source: Source, scheme: str) -> None:
        self._source = source
        self._scheme = scheme
        self.close = source.close

    def items(self) -> Iterator[Item | Failure]:
        for item in self._source.items():
            if scheme_of(item.uri) != self._scheme:
                raise PluginError(
                    f"the source `{self._scheme}` names a picture `{item.uri}`, which does not begin with"
                    f" `{self._scheme}:`",
                    hint="tell the author of the plugin: `phosphene.testing.sources` checks this",
                )
            yield replace(item, captions=tidied(item.captions)) if isinstance(item, Item) else item
