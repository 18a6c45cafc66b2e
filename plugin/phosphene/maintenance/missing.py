"""Missing files: whether a file is gone for certain, or only out of reach for now.

A file is gone if its folder exists, can be listed and is not empty. A folder that does not exist or is empty
may lie on a drive that is not mounted, and a folder that cannot be listed says nothing about its files. A
user who knows better names a folder; below it, folders that do not exist or are empty count as gone, too.
"""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from phosphene.journal import Journal
from phosphene.records import Image
from phosphene.sources import to_path, was_added
from phosphene.store import Store

Presence = Literal["there", "gone", "unsure"]


@dataclass(frozen=True, slots=True)
class Missing:
    """The images whose files are gone for certain, and how many others are out of reach, by folder."""

    gone: tuple[Image, ...]
    unsure: dict[Path, int]


def missing(store: Store, journal: Journal, under: Path | None = None) -> Missing:
    """The images that were added and have no file any more, not even a copy that was added elsewhere.

    Below the folder `under`, folders that do not exist or are empty count as gone.
    """
    absence = Absence(under)
    absent: dict[str, tuple[Image, Presence]] = {}
    for image in store.iterate():
        if was_added(image) and (found := absence.of(to_path(image.uri, journal.folder))) != "there":
            absent[image.id] = image, found
    for id, copies in journal.places(absent).items():
        looks = [absent[id][1], *(absence.of(to_path(seen.uri, journal.folder)) for seen in copies)]
        absent[id] = absent[id][0], _together(looks)
    gone = tuple(image for image, found in absent.values() if found == "gone")
    unsure = (image for image, found in absent.values() if found == "unsure")
    folders = Counter(to_path(image.uri, journal.folder).parent for image in unsure)
    return Missing(gone, dict(folders.most_common()))


class Absence:
    """Looks for files. Each folder is listed once."""

    def __init__(self, under: Path | None = None) -> None:
        self._under = under
        self._listed: dict[Path, bool] = {}

    def of(self, path: Path) -> Presence:
        """Whether a file, or a link in its place, exists."""
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return "gone" if self._is_reliable(path.parent) else "unsure"
        except (OSError, ValueError):  # not permitted, a network that fails, an invalid name
            return "unsure"
        return "there"

    def _is_reliable(self, folder: Path) -> bool:
        """Whether a file that a folder does not list is gone."""
        if folder not in self._listed:
            self._listed[folder] = self._list(folder)
        return self._listed[folder]

    def _list(self, folder: Path) -> bool:
        named = self._under is not None and folder.is_relative_to(self._under)
        try:
            with os.scandir(folder) as entries:
                return named or next(entries, None) is not None
        except (FileNotFoundError, NotADirectoryError):
            return named
        except OSError:
            return False


def _together(looks: list[Presence]) -> Presence:
    """The presence of an image by those of all its copies: one copy that exists is enough."""
    if "there" in looks:
        return "there"
    return "unsure" if "unsure" in looks else "gone"
