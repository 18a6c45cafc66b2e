"""Where pictures come from: folders, files, and captions in COCO files or beside the pictures.

Scanning opens no picture. What cannot be listed or read is handed on like a picture, so that
adding it names the reason.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from phosphene.errors import ImageError
from phosphene.records import Image

ENDINGS = {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
CAPTIONS = "captions.json"  # the COCO file that holds the captions of the folder that it lies in
LIBRARY = {"library.json", "journal.sqlite"}  # a folder with these is a library, not a source
REMOTE = ("http://", "https://", "weaviate://", "weaviates://")

Captions = dict[Path, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Item:
    """A file that is to be added, and its captions."""

    path: Path  # absolute
    captions: tuple[str, ...] = ()


def scan(paths: Sequence[Path]) -> Iterator[Item]:
    """Everything to add in folders (recursively), files and COCO captions files, each path once.

    Folders come in the order of their names; links are followed, each folder is walked once.
    In folders, other endings, hidden names and libraries are passed over; a file that is named
    is taken whatever its ending. Captions are those of COCO files, in their order, then the
    lines of a `.txt` file beside the picture.
    Raises ImageError for a path that does not exist, where there is no picture at all, and for a
    captions file that is none.
    """
    roots = [_there(path) for path in paths]
    folders = [root for root in roots if root.is_dir()]
    listed = {root: _coco(root, [root.parent, *folders]) for root in roots if _is_json(root)}
    captions: Captions = {}
    for found in listed.values():
        _merge(captions, found)
    done: set[Path] = set()
    for path in _files(roots, listed, captions):
        if path not in done:
            done.add(path)
            yield Item(path, _distinct([*captions.get(path, ()), *_beside(path)]))
    if not done:
        names = ", ".join(f"`{path}`" for path in paths)
        raise ImageError(
            f"there is no picture in {names}", hint="jpg, png, webp, gif, bmp and tif are read, in any case"
        )


def to_uri(path: Path, folder: Path) -> str:
    """How a library in `folder` names a file: by its path, relative where the file lies inside.

    A path that is no Unicode is written as `file:///…` with escapes.
    """
    absolute = _absolute(path)
    inside = absolute.is_relative_to(folder)
    name = absolute.relative_to(folder).as_posix() if inside else str(absolute)
    return absolute.as_uri() if _has_surrogates(name) else name


def to_path(uri: str, folder: Path) -> Path:
    """The file that a library in `folder` names so: the way back from `to_uri`."""
    if uri.startswith("file:///"):
        return Path(os.fsdecode(unquote_to_bytes(uri.removeprefix("file://"))))
    return folder / uri


def is_remote(uri: str) -> bool:
    """Whether a uri names a place on another machine, rather than a file of this one."""
    return uri.startswith(REMOTE)


def was_added(image: Image) -> bool:
    """Whether an image came from a file of this machine, rather than from the library's generator."""
    return not is_remote(image.uri) and image.uri != f"pictures/{image.id}.png"


def _absolute(path: Path) -> Path:
    """Without `..`, and with links as they are: a picture is known by the name that the user gave it."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def _there(path: Path) -> Path:
    absolute = _absolute(path)
    try:
        absolute.lstat()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ImageError(f"`{path}` cannot be added: {reason}", hint="name folders or files") from error
    return absolute


def _files(roots: Iterable[Path], listed: Mapping[Path, Captions], captions: Captions) -> Iterator[Path]:
    """All files, in order. Captions files that are met in folders are read into `captions`."""
    visited: set[tuple[int, int]] = set()
    for root in roots:
        if root in listed:
            yield from listed[root]
        elif root.is_dir():
            yield from _walk(root, captions, visited)
        else:
            yield root


def _walk(root: Path, captions: Captions, visited: set[tuple[int, int]]) -> Iterator[Path]:
    stack = [root]
    while stack:
        path = stack.pop()
        if not os.path.isdir(path):  # unlike Path.is_dir, never raises  # noqa: PTH112
            if path.suffix.lower() in ENDINGS:
                yield path
            continue
        try:
            status, names = path.stat(), sorted(os.listdir(path))  # noqa: PTH208
        except OSError:
            yield path
            continue
        folder = (status.st_dev, status.st_ino)
        if folder in visited or LIBRARY.issubset(names):
            continue
        visited.add(folder)
        if CAPTIONS in names:
            _merge(captions, _coco(path / CAPTIONS, [path]))
        stack.extend(path / name for name in reversed(names) if not name.startswith("."))


def _is_json(path: Path) -> bool:
    return path.suffix.lower() == ".json" and not path.is_dir()


def _coco(path: Path, folders: Sequence[Path]) -> Captions:
    """The captions of each file in a COCO captions file; names are relative to one of `folders`."""
    try:
        content = json.loads(path.read_bytes())
        return _captions_in(content, folders)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ImageError(f"`{path}` cannot be read: {reason}") from error
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        what = f"no `{error.args[0]}`" if isinstance(error, KeyError) else str(error)
        raise ImageError(
            f"`{path}` is no COCO captions file: {what}",
            hint='it needs {"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}; '
            "rename it, if it is something else",
        ) from error


def _captions_in(content: Any, folders: Sequence[Path]) -> Captions:
    by_id: dict[Any, list[str]] = {image["id"]: [] for image in content["images"]}
    for annotation in content["annotations"]:
        by_id.setdefault(annotation["image_id"], []).append(_tidy(annotation["caption"]))
    captions: Captions = {}
    for image in content["images"]:
        _merge(captions, {_resolved(image["file_name"], folders): tuple(by_id[image["id"]])})
    return captions


def _resolved(name: str, folders: Sequence[Path]) -> Path:
    """The file of that name in the first folder that has it; COCO keeps pictures and captions apart."""
    if "\0" in name:
        raise ValueError(f"{name!r} names no file")
    paths = [_absolute(folder / name) for folder in folders]
    return next((path for path in paths if os.path.lexists(path)), paths[0])


def _beside(path: Path) -> list[str]:
    """The lines of the `.txt` file beside a picture: one caption each."""
    try:
        text = path.with_suffix(".txt").read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return []
    return [_tidy(line) for line in text.splitlines()]


def _merge(captions: Captions, more: Captions) -> None:
    for path, texts in more.items():
        captions[path] = _distinct([*captions.get(path, ()), *texts])


def _tidy(caption: str) -> str:
    """On one line, and Unicode even where JSON escapes half a letter."""
    return " ".join(caption.encode("utf-8", "surrogatepass").decode("utf-8", "replace").split())


def _distinct(captions: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(caption for caption in captions if caption))


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)
