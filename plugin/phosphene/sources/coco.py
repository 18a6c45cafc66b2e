"""COCO captions files: a list of pictures with ids, and annotations that give captions to these ids.

Many programs write them, and so do people. Entries that are wrong are skipped and counted, so that the rest
can be read. A file that is something else altogether is an error.
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

LARGEST = 1 << 30  # bytes. The captions of all of COCO have 0.1 GB
SHAPE = (
    'write it as {"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}, '
    "or rename it if it is something else"
)

CocoId = str  # the id of an image: `1` and `"1"` are the same


@dataclass(frozen=True, slots=True)
class Listing:
    """The pictures of a captions file with their captions, and sentences about what was skipped."""

    captions: dict[Path, list[str]]
    faults: tuple[str, ...]


def listing(path: Path, folders: Sequence[Path], names: Names) -> Listing:
    """Read a captions file about pictures in `folders`. Raises ImageError if it is not a captions file."""
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
        missing = f"it has no `{error.args[0]}`" if isinstance(error, KeyError) else ""
        reason = missing or str(error) or "it is too large"
        raise ImageError(f"`{path}` is not a COCO captions file: {reason}.", hint=SHAPE) from error
    reading = _Reading(lambda name: names.meant(name, folders))
    reading.take_images(images)
    reading.take_annotations(annotations)
    if "annotations" not in data:
        reading.skip("it has no `annotations`, and so no captions")
    return Listing(reading.captions, reading.faults)


class _Reading:
    """What has been read of one file so far."""

    def __init__(self, meant: Callable[[str], Path]) -> None:
        self._meant = meant
        self._paths: dict[CocoId, list[Path]] = {}
        self._skipped: dict[str, list[str]] = {}  # sentences by the kind of fault
        self.captions: dict[Path, list[str]] = {}

    @property
    def faults(self) -> tuple[str, ...]:
        """What was skipped: for each kind of fault the first sentence, and how many more there are."""
        return tuple(
            sentences[0] + (f" (and {len(sentences) - 1:,} more like this)" if len(sentences) > 1 else "")
            for sentences in self._skipped.values()
        )

    def skip(self, sentence: str, kind: str = "") -> None:
        self._skipped.setdefault(kind or sentence, []).append(sentence)

    def take_images(self, images: Sequence[Any]) -> None:
        for image in images:
            if not _is_image(image):
                self.skip("an image has no `id` or no `file_name`")
                continue
            paths = self._paths.setdefault(str(_id(image["id"])), [])
            try:
                path = self._meant(image["file_name"])
            except ValueError as error:
                self.skip(str(error), "name")
                continue
            self.captions.setdefault(path, [])
            paths.append(path)
        for id, paths in self._paths.items():
            if len(set(paths)) > 1:
                count = len(set(paths))
                self.skip(f"the id {id} is that of {count} images, so that its captions are not used", "id")

    def take_annotations(self, annotations: Sequence[Any]) -> None:
        for annotation in annotations:
            id = _id(annotation.get("image_id")) if isinstance(annotation, dict) else None
            caption = annotation.get("caption", 0) if isinstance(annotation, dict) else 0
            if id is None or not isinstance(caption, str | None):
                self.skip("an annotation has no `image_id` or no `caption`")
            elif id not in self._paths:
                self.skip(f"an annotation is for the image {id}, which is not listed", "orphan")
            elif caption and len(set(self._paths[id])) == 1:
                self.captions[self._paths[id][0]].append(caption)


def _is_image(image: Any) -> bool:
    return (
        isinstance(image, dict)
        and _id(image.get("id")) is not None
        and isinstance(image.get("file_name"), str)
    )


def _id(value: Any) -> CocoId | None:
    """The id in a value, or None if it is not an id. `1`, `"1"` and `1.0` are the same."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str | float):
        return None
    return str(value).strip() or None
