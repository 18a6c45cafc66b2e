"""Captions files as COCO has them: pictures with ids, and annotations that give captions to ids.

They are written by many programs and by hand. What is odd in one is passed over and counted, so that
the rest is read; a file that is something else altogether is an error.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phosphene.errors import ImageError
from phosphene.images import read
from phosphene.sources.encodings import text_of
from phosphene.sources.names import Names

LARGEST = 1 << 30  # bytes; the captions of all of COCO have 0.1 GB
SHAPE = (
    'it needs {"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}; '
    "rename it, if it is something else"
)

CocoId = str  # of an image: `1` and `"1"` are the same one


@dataclass(frozen=True, slots=True)
class Listing:
    """The pictures of a captions file with their captions, and what was passed over in it."""

    captions: dict[Path, list[str]]
    faults: tuple[str, ...]


def listing(path: Path, folders: Sequence[Path], names: Names) -> Listing:
    """What a captions file says of the pictures in `folders`. Raises ImageError where it is none."""
    try:
        data = json.loads(text_of(read(path, largest=LARGEST).content))
        images, annotations = data["images"], data.get("annotations", [])
        if not isinstance(images, list) or not isinstance(annotations, list):
            raise TypeError("`images` and `annotations` must be lists")
        if images and not any(_is_image(image) for image in images):
            raise TypeError("no image has an `id` and a `file_name`")
    except ImageError as error:
        raise ImageError(f"`{path}` cannot be read: {error.message}") from error
    except (ValueError, RecursionError, MemoryError, LookupError, TypeError, AttributeError) as error:
        what = f"no `{error.args[0]}`" if isinstance(error, KeyError) else str(error) or "too large"
        raise ImageError(f"`{path}` is no COCO captions file: {what}", hint=SHAPE) from error
    reading = _Reading(lambda name: names.meant(name, folders))
    reading.take_images(images)
    reading.take_annotations(annotations)
    if "annotations" not in data:
        reading.pass_over("it has no `annotations`, so that it gives no captions")
    return Listing(reading.captions, reading.faults)


class _Reading:
    """What has been read of one file so far."""

    def __init__(self, meant: Callable[[str], Path]) -> None:
        self._meant = meant
        self._paths: dict[CocoId, list[Path]] = {}
        self._odd: dict[str, list[str]] = {}  # by the kind of fault: what was said of each
        self.captions: dict[Path, list[str]] = {}

    @property
    def faults(self) -> tuple[str, ...]:
        """What was passed over: of many of one kind the first, and how many more there are."""
        return tuple(
            said[0] + (f" (and {len(said) - 1:,} more like this)" if len(said) > 1 else "")
            for said in self._odd.values()
        )

    def pass_over(self, said: str, kind: str = "") -> None:
        self._odd.setdefault(kind or said, []).append(said)

    def take_images(self, images: Sequence[Any]) -> None:
        for image in images:
            if not _is_image(image):
                self.pass_over("an image has no `id` or no `file_name`")
                continue
            paths = self._paths.setdefault(str(_id(image["id"])), [])
            try:
                path = self._meant(image["file_name"])
            except ValueError as error:
                self.pass_over(str(error), "name")
                continue
            self.captions.setdefault(path, [])
            paths.append(path)
        for id, paths in self._paths.items():
            if len(set(paths)) > 1:
                self.pass_over(
                    f"the id {id} stands for {len(set(paths))} images: it gives them no captions", "id"
                )

    def take_annotations(self, annotations: Sequence[Any]) -> None:
        for annotation in annotations:
            id = _id(annotation.get("image_id")) if isinstance(annotation, dict) else None
            caption = annotation.get("caption", 0) if isinstance(annotation, dict) else 0
            if id is None or not isinstance(caption, str | None):
                self.pass_over("an annotation has no `image_id` or no `caption`")
            elif id not in self._paths:
                self.pass_over(f"an annotation is of the image {id}, which is not listed", "orphan")
            elif caption and len(set(self._paths[id])) == 1:
                self.captions[self._paths[id][0]].append(caption)


def _is_image(image: Any) -> bool:
    return (
        isinstance(image, dict)
        and _id(image.get("id")) is not None
        and isinstance(image.get("file_name"), str)
    )


def _id(value: Any) -> CocoId | None:
    """The id that a value is; None where it is none. `1`, `"1"` and `1.0` are the same one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str | float):
        return None
    return str(value).strip() or None
