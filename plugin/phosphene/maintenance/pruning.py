"""Pruning: the images whose files have gone from the folders and tars that were just scanned.

A scan that could not see everything prunes nothing: a folder that cannot be listed, a tar that is cut off, or
a place in which nothing was found, which may be a drive that is not mounted. An empty folder may be one, too,
so what was added from there stays.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from phosphene.errors import ImageError
from phosphene.journal import Journal
from phosphene.records import Failure
from phosphene.sources import Item, is_own, is_remote, to_path
from phosphene.sources.file_names import absolute
from phosphene.sources.folders import NOT_COUNTED
from phosphene.sources.uris import part_of
from phosphene.sources.webdataset import is_tar, tars_of
from phosphene.store import Store


@dataclass(frozen=True, slots=True)
class Prunable:
    """The images that can be removed, and why others whose files were not found stay."""

    ids: tuple[str, ...]
    kept: tuple[str, ...] = ()


def places_of(names: Sequence[str]) -> list[Path]:
    """The folders and tars that names stand for. Raises ImageError for a name of another kind."""
    places: list[Path] = []
    for name in names:
        found = tars_of(name) if is_tar(name) else [name]
        if not all(is_tar(each) or os.path.isdir(each) for each in found):  # noqa: PTH112
            raise ImageError(
                f"`{name}` cannot be pruned, because it is neither a folder nor a tar of this machine.",
                hint="leave out `--prune`, or name a folder",
            )
        places += (absolute(Path(each)) for each in found)
    return places


class Scanned(Iterator[Item | Failure]):
    """Passes on what a scan yields, and remembers it."""

    def __init__(self, items: Iterator[Item | Failure]) -> None:
        self._items = items
        self.uris: set[str] = set()
        self.failures: list[Failure] = []

    def __next__(self) -> Item | Failure:
        found = next(self._items)
        if isinstance(found, Item):
            self.uris.add(found.uri)
        else:
            self.failures.append(found)
        return found


def prunable(
    store: Store, journal: Journal, places: Sequence[Path], scanned: Scanned, failures: Iterable[Failure]
) -> Prunable:
    """The images of which every file lay in one of the places and is gone.

    `failures` are those of the `add`, among which are folders that could not be listed.
    """
    if unseen := next(_unseen(scanned, failures, journal.folder), None):
        return Prunable((), (f"`{unseen.uri}` could not be read: {unseen.reason}",))
    absence = _Absence(places, scanned, journal.folder)
    gone = {seen.uri: seen.id for seen in journal.files() if absence.is_certain(seen.uri)}
    copies = journal.places(set(gone.values()))
    ids = [id for id, files in copies.items() if all(file.uri in gone for file in files)]
    added = (image.id for image in store.get(ids) if not is_own(image))
    return Prunable(tuple(added), tuple(absence.kept))


class _Absence:
    """Tells whether files are gone, and not only out of reach."""

    def __init__(self, places: Sequence[Path], scanned: Scanned, folder: Path) -> None:
        self._folder, self._scanned = folder, scanned.uris
        files = {to_path(uri, folder) for uri in scanned.uris}
        found = {place for file in files for place in (file, *file.parents)}
        self._places = [place for place in places if place in found]
        self.kept = {f"nothing was found in `{place}`": None for place in places if place not in found}

    def is_certain(self, uri: str) -> bool:
        """Whether the file of a uri lay in one of the places and is gone."""
        path = to_path(uri, self._folder)
        if is_remote(uri) or not any(path == place or place in path.parents for place in self._places):
            return False
        if os.path.lexists(path):  # of a tar that was scanned, a member may be gone
            return bool(part_of(uri)) and path in self._places and uri not in self._scanned
        folder = next(parent for parent in path.parents if os.path.isdir(parent))  # noqa: PTH112
        if _is_empty(folder):
            self.kept[f"`{folder}` is empty, and may be a drive that is not mounted"] = None
            return False
        return True


def _unseen(scanned: Scanned, failures: Iterable[Failure], folder: Path) -> Iterator[Failure]:
    """The failures that may hide pictures: of folders and tars, not of texts beside pictures."""
    yield from (one for one in failures if os.path.isdir(to_path(one.uri, folder)))  # noqa: PTH112
    for one in scanned.failures:
        if not part_of(one.uri) and to_path(one.uri, folder).suffix.lower() not in NOT_COUNTED:
            yield one


def _is_empty(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return next(entries, None) is None
