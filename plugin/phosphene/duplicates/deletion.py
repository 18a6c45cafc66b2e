"""Deletes the files of copies, but never a file of which the best copy is not certainly kept."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from phosphene.duplicates.groups import Copies
from phosphene.duplicates.pixels import difference
from phosphene.errors import ImageError
from phosphene.images import open_picture
from phosphene.picture_loader import PictureLoader
from phosphene.records import Image
from phosphene.sources import is_remote, to_path
from phosphene.sources.uris import is_own, part_of


def delete_files(found: Sequence[Copies], pictures: PictureLoader) -> list[Path]:
    """Delete the files of all copies but the best ones. Returns those that were deleted.

    A library may come from somebody else, so its word is not enough: a file is deleted only if it is the very
    file that was added, if it is a copy of the best one's file, and if that is there and another file.
    """
    deleted = []
    for group in found:
        best = _file(group.best, pictures.folder)
        for copy in group.others:
            file = _file(copy, pictures.folder)
            if file and best and _is_copy(file, copy, best):
                file.unlink()
                deleted.append(file)
    return deleted


def _file(image: Image, folder: Path) -> Path | None:
    """The file of an image, or None if it has none of its own on this machine."""
    if is_remote(image.uri) or part_of(image.uri):
        return None
    path = to_path(image.uri, folder)
    return path if path.is_file() and not path.is_symlink() else None


def _is_copy(file: Path, copy: Image, best: Path) -> bool:
    if file.samefile(best) or not (is_own(copy) or sha256(file.read_bytes()).hexdigest() == copy.sha256):
        return False
    try:
        return difference(open_picture(file), open_picture(best)).is_copy
    except ImageError:
        return False
