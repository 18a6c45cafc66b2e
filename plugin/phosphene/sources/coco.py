"""Captions files in COCO's format: a list of pictures with ids, and a list of captions for these ids.

Many programs write such files, and people write them by hand. An entry that makes no sense is skipped and
reported, and the rest is read. A file that is something else altogether is an error.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from phosphene.errors import ImageError
from phosphene.images import read
from phosphene.sources.columns import NOTHING, Description
from phosphene.sources.encodings import text_of
from phosphene.sources.file_names import FileNames
from phosphene.sources.listings import Listing

LARGEST = 1 << 30  # bytes; the captions of all of COCO take 0.1 GB
SHAPE = (
    'it needs {"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}; '
    "rename the file if it is something else"
)

CocoId = str  # the id of an image: `1` and `"1"` are the same


def coco_listing(path: Path, folders: Sequence[Path], names: FileNames) -> Listing:
    """What a captions file says about the pictures in `folders`. Raises ImageError for any other file."""
    images, annotations = _lists(path)
    reading = _Reading(lambda name: names.meant(name, folders))
    reading.take_images(images)
    reading.take_annotations(annotations or ())
    if annotations is None:
        reading.found.skip("it has no `annotations`, so it gives no captions")
    return reading.found


def _lists(path: Path) -> tuple[list[Any], list[Any] | None]:
    """The images and the annotations of a captions file; None where it has no annotations."""
    try:
        data = json.loads(text_of(read(path, largest=LARGEST).content))
        images, annotations = data["images"], data.get("annotations", [])
        if not isinstance(images, list) or not isinstance(annotations, list):
            raise TypeError("its `images` and `annotations` must be lists")
        if images and not any(_is_image(image) for image in images):
            raise TypeError("none of its images has an `id` and a `file_name`")
    except ImageError as error:
        raise ImageError(f"`{path}` cannot be read: {error.message}.") from error
    except (ValueError, RecursionError, MemoryError, LookupError, TypeError, AttributeError) as error:
        what = f"no `{error.args[0]}`" if isinstance(error, KeyError) else str(error) or "too large"
        raise ImageError(f"`{path}` is not a COCO captions file: {what}", hint=SHAPE) from error
    return images, annotations if "annotations" in data else None


class _Reading:
    """What has been read of one file so far, and what was skipped."""

    def __init__(self, meant: Callable[[str], Path]) -> None:
        self._meant = meant
        self._paths: dict[CocoId, list[Path]] = {}
        self.found = Listing()

    def take_images(self, images: Sequence[Any]) -> None:
        for image in images:
            self._take_image(image)
        for id, paths in self._paths.items():
            if (count := len(set(paths))) > 1:
                self.found.skip(f"the id {id} is that of {count} images, so it gives them no captions", "id")

    def _take_image(self, image: Any) -> None:
        if not _is_image(image):
            self.found.skip("an image has no `id` or no `file_name`")
            return
        paths = self._paths.setdefault(str(_id(image["id"])), [])
        try:
            paths.append(self._meant(image["file_name"]))
        except ValueError as error:
            self.found.skip(str(error), "name")
        else:
            self.found.describe(paths[-1], NOTHING)

    def take_annotations(self, annotations: Sequence[Any]) -> None:
        for annotation in annotations:
            id = _id(annotation.get("image_id")) if isinstance(annotation, dict) else None
            caption = annotation.get("caption", 0) if isinstance(annotation, dict) else 0
            if id is None or not isinstance(caption, str | None):
                self.found.skip("an annotation has no `image_id` or no `caption`")
            elif id not in self._paths:
                self.found.skip(f"an annotation is for the image {id}, which is not listed", "orphan")
            elif caption and len(set(self._paths[id])) == 1:
                self.found.describe(self._paths[id][0], Description((caption,)))


def _is_image(image: Any) -> bool:
    return (
        isinstance(image, dict)
        and _id(image.get("id")) is not None
        and isinstance(image.get("file_name"), str)
    )


def _id(value: Any) -> CocoId | None:
    """A value as an id, or None if it cannot be one. `1`, `"1"` and `1.0` are the same id."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str | float):
        return None
    return str(value).strip() or None
