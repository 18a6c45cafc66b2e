"""Exporting as a folder of links to the files, with a JSON file beside each that says what is known of it."""

import json
import os
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path, PurePosixPath

from phosphene.export.exportable import (
    Exportable,
    Exported,
    ExportOptions,
    about,
    file_of,
    picture_of,
    write_vectors,
)
from phosphene.files import write_whole
from phosphene.outputs import claim_folder
from phosphene.records import Image
from phosphene.sources import to_path
from phosphene.sources.uris import part_of
from phosphene.vectors import Vector

LONGEST_STEM, LONGEST_ENDING = 200, 20  # bytes; file systems take 255, and `.json` comes after them


def write_links(images: Iterable[Exportable], target: Path, options: ExportOptions) -> Exported:
    """Write the folder. A picture that is a member of a tar is written as a file of its own."""
    claim_folder(target, lambda folder: False, force=options.force)
    target.mkdir(parents=True, exist_ok=True)
    written, missing = list[Image[Vector]](), 0
    taken = {path.name.casefold() for path in target.iterdir()}
    for each in images:
        path = target / _free(_name(each.image, options.folder), taken)
        if not _put(each.image, path, options.folder):
            missing += 1
            continue
        taken.add(path.name.casefold())
        write_whole(path.with_name(f"{path.name}.json"), json.dumps(about(each.image)).encode())
        written.append(each.image)
    vectors = write_vectors(written, target / "vectors") if options.vectors else ()
    return Exported(len(written), missing, (target, *vectors))


def _put(image: Image, path: Path, folder: Path) -> bool:
    if file := file_of(image, folder):
        path.symlink_to(file)
        return True
    content = picture_of(image, folder) if part_of(image.uri) else None
    if content is not None:
        write_whole(path, content)
    return content is not None


def _name(image: Image, folder: Path) -> str:
    """The name of an image's file. A hidden file is not hidden here, since `add` would not see it."""
    part = part_of(image.uri)
    return (PurePosixPath(part).name if part else to_path(image.uri, folder).name).lstrip(".") or image.id


def _free(name: str, taken: set[str]) -> str:
    """The name, cut to what file systems take; with a number if there is one like it."""
    path = PurePosixPath(name.replace("\0", ""))
    stem, ending = _cut(path.stem, LONGEST_STEM) or "picture", _cut(path.suffix, LONGEST_ENDING)
    return next(each for each in _names(stem, ending) if each.casefold() not in taken)


def _names(stem: str, ending: str) -> Iterator[str]:
    yield f"{stem}{ending}"
    yield from (f"{stem} ({number}){ending}" for number in count(2))


def _cut(text: str, most: int) -> str:
    """The text, or as many of its letters as fit into `most` bytes."""
    content = os.fsencode(text)
    return text if len(content) <= most else content[:most].decode(errors="ignore")
