"""The kinds of sources, in one table: which kind of source a name stands for, and how that is opened.

A source has a module of its own, and one row here. The first row that recognises a name opens it, and the
last one takes what no other row wants: a path. A name that exists on the disk is a path before anything
else, since a file may be named `a:b.jpg` or `{1..2}.jpg`; only `-` has to be written `./-` for that.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from phosphene.sources.datasets_folders import is_datasets_folder, open_datasets
from phosphene.sources.file_systems import is_fsspec
from phosphene.sources.item import Source
from phosphene.sources.local_files import LocalFiles, existing
from phosphene.sources.picture_tables import PictureTable, PictureTables, has_pictures
from phosphene.sources.plugin_sources import open_source
from phosphene.sources.remote_files import RemoteFiles
from phosphene.sources.scan_options import ScanOptions
from phosphene.sources.standard_input import StandardInput
from phosphene.sources.uris import scheme_of, to_path
from phosphene.sources.url_lists import UrlList, is_url_list
from phosphene.sources.webdataset import WebDataset, each_tar, is_tar


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A kind of source.

    `recognise` says whether a name is of this kind. It opens no file for longer than its first bytes.
    `open` opens one source of several names: of all that are of this kind if they belong `together`, and
    else of a single one. `parts` are the names in groups that can be listed apart from each other; without
    it, they are listed together.
    """

    name: str
    recognise: Callable[[str], bool]
    open: Callable[[Sequence[str], ScanOptions], Source]
    together: bool = False
    parts: Callable[[Sequence[str]], list[list[str]]] | None = None


def _is_plugins(name: str) -> bool:
    return bool(scheme_of(name)) and not os.path.lexists(name)


def _open_paths(names: Sequence[str], options: ScanOptions) -> Source:
    return LocalFiles(map(Path, names), options)


def _open_tables(names: Sequence[str], options: ScanOptions) -> Source:
    return PictureTables(PictureTable(existing(Path(name))) for name in names)


def _open_input(names: Sequence[str], options: ScanOptions) -> Source:
    return StandardInput(options, lambda name: _open_other(name, options))


def _open_other(name: str, options: ScanOptions) -> Source | None:
    """The source of a name that stands on standard input, or None if it is a path."""
    kind = kind_of(name)
    return None if kind in (PATH, INPUT) else kind.open([name], options)


INPUT = SourceKind("standard input", lambda name: name == "-", _open_input, together=True)
# All paths are one source, so that a captions file may name pictures in any of the folders.
PATH = SourceKind("path", lambda name: True, _open_paths, together=True)
KINDS = (
    INPUT,
    SourceKind("dataset", is_datasets_folder, open_datasets, together=True),
    SourceKind("table", has_pictures, _open_tables, together=True),
    SourceKind("URLs", is_url_list, lambda names, options: UrlList(names[0], options)),
    SourceKind("fsspec", is_fsspec, lambda names, options: RemoteFiles(names[0], options)),
    SourceKind("plugin", _is_plugins, lambda names, options: open_source(names[0])),
    SourceKind("webdataset", is_tar, WebDataset, together=True, parts=each_tar),
    PATH,
)


def kind_of(name: str) -> SourceKind:
    """The kind of source that a name stands for."""
    return next(kind for kind in KINDS if kind.recognise(name))


def by_kind(names: Iterable[str]) -> list[tuple[SourceKind, list[str]]]:
    """The names of each source to open, in the order in which they are named."""
    groups: list[tuple[SourceKind, list[str]]] = []
    for name in map(_without_file_scheme, names):
        kind = kind_of(name)
        earlier = next((group for known, group in groups if known is kind and kind.together), None)
        if earlier is None:
            groups.append((kind, [name]))
        else:
            earlier.append(name)
    return groups


def _without_file_scheme(name: str) -> str:
    return str(to_path(name, Path())) if name.startswith("file:///") else name
