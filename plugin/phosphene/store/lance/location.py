"""The location of a library in a folder with a LanceDB store. A plain path means such a library."""

from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from phosphene.config import expanded
from phosphene.errors import LibraryError
from phosphene.manifest import Manifest
from phosphene.records import Space
from phosphene.store import Store
from phosphene.store.location import LoadModel

PARTS = ("journal.sqlite", "pictures", "generator", "store")


def locate(url: str) -> "LanceLocation":
    """The library in a folder: `photos.lib`, `~/photos.lib` or `lancedb:///home/me/photos.lib`."""
    return LanceLocation(expanded(url.removeprefix("lancedb://")).absolute())


@dataclass(frozen=True, slots=True)
class LanceLocation:
    """A folder that holds a library, or may hold one."""

    folder: Path

    @property
    def url(self) -> str:
        """The absolute path."""
        return str(self.folder)

    def manifest(self, load: LoadModel) -> Manifest | None:
        """The manifest in the folder. Raises LibraryError for a folder that is not a library."""
        _refuse_links(self.folder)
        return Manifest.read(self.folder)

    def open(self, space: Space, *, create: bool) -> Store:
        """Open the store. With `create`, also make what is missing: the manifest and the store."""
        from phosphene.store.lance.store import LanceStore

        if create and Manifest.read(self.folder) is None:
            Manifest(space).write(self.folder)
        elif not create:
            _refuse_missing_store(self.folder)
        return LanceStore.create(self.folder / "store", space)


def _refuse_missing_store(folder: Path) -> None:
    """Raise LibraryError if the store of a library is gone. Otherwise the library would look empty."""
    if not (folder / "store" / "images.lance").is_dir():
        raise LibraryError(
            f"The library `{folder}` has no store: `{folder / 'store'}` is missing or empty.",
            hint=f"run `phosphene -L {quote(str(folder))} repair`, which makes it again from the pictures",
        )


def _refuse_links(folder: Path) -> None:
    """Raise LibraryError if a part of the library that is written to is a link out of the library.

    With such a link a stranger could make `add` and `remove` change another library, or any file.
    """
    parts = [folder / name for name in PARTS]
    for part in (*parts, *folder.glob("store/*"), *folder.glob("store/*.lance/*")):
        if part.is_symlink() and not part.resolve().is_relative_to(folder.resolve()):
            raise LibraryError(
                f"`{part}` is a link that leads out of the library.",
                hint="move its target into the library, or make the folder of the whole library a link",
            )
