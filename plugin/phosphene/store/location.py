"""Locations: where a library is, and where its parts are.

An opener turns a URL of its scheme into a Location. Packages register openers under the name of the scheme,
as entry points of the group `phosphene.stores`: with `numpy = "my_package:locate"`, `-L numpy:///photos.lib`
calls `locate("numpy:///photos.lib")`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from phosphene.manifest import Manifest
from phosphene.records import Space
from phosphene.store import Store

LoadModel: TypeAlias = Callable[[str], Any]  # loads the embedder of a model by its name


class Location(Protocol):
    """The place of one library, which may not exist yet."""

    @property
    def url(self) -> str:
        """The URL or path that opens the same library from any working directory."""
        ...

    @property
    def folder(self) -> Path:
        """The folder on this machine for its journal, its generated pictures and its generator."""
        ...

    def manifest(self, load: LoadModel) -> Manifest | None:
        """The manifest of the library, or None if there is no library yet.

        A location calls `load` if it has to check with a model whether its vectors are of that model.
        Raises LibraryError if something else lies there.
        """
        ...

    def open(self, space: Space, *, create: bool) -> Store:
        """Open the store. With `create`, also make what is missing: the manifest and the store.

        Raises LibraryError or StoreError if that fails.
        """
        ...


Opener: TypeAlias = Callable[[str], Location]


@dataclass(frozen=True, slots=True)
class FolderLocation:
    """A library in a folder of this machine, which holds its manifest, its journal and its store.

    `open_store` opens the store in a folder of its own, or creates it.
    """

    url: str
    folder: Path
    open_store: Callable[[Path, Space], Store]

    def manifest(self, load: LoadModel) -> Manifest | None:
        """The manifest in the folder. See Location."""
        return Manifest.read(self.folder)

    def open(self, space: Space, *, create: bool) -> Store:
        """Open the store in the folder `store`. See Location."""
        if create and Manifest.read(self.folder) is None:
            Manifest(space).write(self.folder)
        return self.open_store(self.folder / "store", space)
