"""Sources: where pictures come from (the Source seam).

`scan` yields the pictures of everything that a user names after `phosphene add`: folders, files and COCO
captions files of this machine, and `scheme:…` of whatever plugins are installed.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from phosphene.errors import ImageError, PluginError
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
    Raises ImageError for a path that does not exist and where there is no picture at all, PluginError for
    a scheme that no plugin reads.
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
    """The source that `scheme:…` stands for. Raises PluginError where no plugin reads the scheme."""
    scheme = scheme_of(name)
    if not SOURCES.has(scheme):
        raise PluginError(
            f"`{name}` cannot be added: no plugin that is installed reads `{scheme}:`",
            hint="name a folder or a file, or install a package that brings this source",
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
    """Whether a name is a path: one that exists, or one without the scheme of a plugin."""
    if os.path.lexists(name) or not scheme_of(name):
        return True
    return "://" not in name and not SOURCES.has(scheme_of(name))


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
