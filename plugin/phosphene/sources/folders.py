"""Walking folders: which files and folders in them count, and in which order.

What no user thinks of as a picture is left out: hidden files, what NAS devices, systems and programs keep for
themselves, and the libraries of phosphene. A folder that the user names is never left out.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from phosphene.images import endings
from phosphene.sources.globs import Choice
from phosphene.sources.scan_options import ScanOptions

ENDINGS = endings()
LIBRARY = {"library.json", "journal.sqlite"}  # a folder with these is a library, not a source
JUNK = {
    "@eadir", "#recycle", "#snapshot",  # Synology: thumbnails, deleted files, older versions
    "@recycle", "@recently-snapshot",  # QNAP
    "$recycle.bin", "system volume information", "lost+found",  # Windows, Linux
    "__macosx", "node_modules",  # what macOS adds to zip files, and the pictures of JavaScript packages
}  # fmt: skip
# Apple's Photos and iPhoto keep the pictures in these folders, and copies of them in all others
PHOTO_LIBRARIES = (".photoslibrary", ".photolibrary", ".aplibrary")
ORIGINALS = {"originals", "masters"}
# Files that describe pictures or folders. Nobody misses them, so they are not counted
NOT_COUNTED = {".txt", ".json", ".jsonl", ".csv", ".xmp", ".aae", ".thm", ".db", ".ini", ".md", ".html"}

Names = Mapping[str, bool]  # the names in a folder, and whether they are folders


class FolderWalk:
    """One walk through several folders. Each is listed once, also if links lead to it."""

    def __init__(self, options: ScanOptions, on_folder: Callable[[Path, Names], None]) -> None:
        """`on_folder` is called with each folder and the names in it, before its files are yielded."""
        self._on_folder = on_folder
        self._left_out = options.left_out
        self._choice = Choice.of(options.include, options.exclude)
        self._visited: set[tuple[int, int]] = set()

    def files(self, root: Path) -> Iterator[Path]:
        """The pictures in a folder and below it, in the order of the names.

        A folder that cannot be listed is yielded like a picture, so that adding it reports the reason.
        """
        stack = [(root, True)]
        while stack:
            path, is_folder = stack.pop()
            if not is_folder:
                yield path
                continue
            try:
                names = self._names_in(path)
            except OSError:
                yield path
                continue
            if names:
                self._on_folder(path, names)
                stack.extend(self._chosen(path, names, root))

    def wants(self, path: Path, root: Path, is_folder: bool = False) -> bool:
        """Whether `--include` and `--exclude` leave a path in. They are relative to `root`."""
        if self._choice is None:
            return True
        return self._choice.wants(path.relative_to(root).as_posix() + "/" * is_folder)

    def _names_in(self, folder: Path) -> Names:
        """The names in a folder; none if it has been walked before, or is a library of phosphene."""
        status, names = folder.stat(), names_in(folder)
        place = (status.st_dev, status.st_ino)
        if place in self._visited or names.keys() >= LIBRARY:
            return {}
        self._visited.add(place)
        return names

    def _chosen(self, folder: Path, names: Names, root: Path) -> Iterator[tuple[Path, bool]]:
        """The pictures and folders in a folder, the last one first."""
        is_photo_library = folder.name.lower().endswith(PHOTO_LIBRARIES)
        for name in sorted(names, reverse=True):
            is_folder = names[name]
            if name.startswith("."):
                continue
            if is_folder:
                lower = name.lower()
                if lower in JUNK or (is_photo_library and lower not in ORIGINALS):
                    continue
            elif (ending := os.path.splitext(name)[1].lower()) not in ENDINGS:  # noqa: PTH122
                if ending not in NOT_COUNTED:
                    self._left_out[ending] += 1
                continue
            path = folder / name
            if self.wants(path, root, is_folder):
                yield path, is_folder


def names_in(folder: Path) -> Names:
    """The names in a folder, and whether they are folders. A link is what it leads to."""
    with os.scandir(folder) as entries:
        return {
            entry.name: os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()  # noqa: PTH112
            for entry in entries
        }
