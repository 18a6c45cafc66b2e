"""Converting images to objects of a Weaviate collection and back."""

import base64
import binascii
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from weaviate.classes.data import DataObject

from phosphene.errors import StoreError
from phosphene.records import Image
from phosphene.store import image_schema
from phosphene.store.invalid import is_id, normalised
from phosphene.store.properties import image_of, properties_of
from phosphene.times import instant
from phosphene.vectors import Vector

VECTOR = "image"  # the named vector of `schemas/image.json`
# The properties that are read of every image: all but its thumbnail.
PROPERTIES = [
    each["name"] for each in image_schema.collection()["properties"] if each["dataType"] != ["blob"]
]


def object_of(image: Image[Vector], thumbnail: bytes | None) -> Any:
    """An image with its vector as an object of the client. Raises StoreError for text that is not Unicode."""
    properties = {name: value for name, value in properties_of(image).items() if value is not None}
    try:
        json.dumps(properties, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise StoreError(
            f"{error.object!r} cannot be stored, because it is not Unicode text.",
            hint="give the file another name",
        ) from error
    if thumbnail is not None:
        properties["thumbnail"] = base64.b64encode(thumbnail).decode()
    return DataObject(uuid=image.id, properties=properties, vector={VECTOR: image.vector.tolist()})


def image_of_object(found: Any) -> Image:
    """The image of an object that was read with PROPERTIES, and with its vector if that was read too."""
    properties = {name: plain(value) for name, value in found.properties.items()}
    return image_of(str(found.uuid), properties, _vector(found))


def plain(value: Any) -> Any:
    """A value as `image_of` reads it: with texts for times and for ids."""
    if isinstance(value, datetime):
        return instant(value.isoformat())
    if isinstance(value, list):
        return [str(each) if isinstance(each, UUID) else each for each in value]
    return value


def decoded(blob: object) -> bytes:
    """The bytes of a blob. They are empty if it is not base64."""
    try:
        return base64.b64decode(blob) if isinstance(blob, str) else b""
    except binascii.Error:
        return b""


def valid_ids(ids: Iterable[str]) -> list[str]:
    """The ids that a server may know, each once. It refuses what is not a UUID."""
    return [id for id in dict.fromkeys(ids) if is_id(id)]


def _vector(found: Any) -> Vector | None:
    """The unit vector (d,) of an object, or None if it has none or one without a direction."""
    vector = found.vector.get(VECTOR)
    if not vector:
        return None
    vectors, valid = normalised(np.asarray([vector], dtype=np.float32))
    return vectors[0] if valid[0] else None
