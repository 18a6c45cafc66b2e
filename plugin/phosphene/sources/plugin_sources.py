"""The sources of plugins, which are named `scheme:…`."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from phosphene.errors import PluginError, listed
from phosphene.plugins import Registry
from phosphene.records import Failure
from phosphene.sources.item import Item, OpenSource, Source
from phosphene.sources.local_files import LocalFiles, tidied
from phosphene.sources.uris import scheme_of, to_path


def _open_file(name: str) -> Source:
    return LocalFiles([to_path(name, Path())])


SOURCES: Registry[OpenSource] = Registry("sources", {"file": lambda: _open_file})


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
