"""Images as objects of a Weaviate collection and back, by way of the client."""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from weaviate.classes.data import DataObject

from phosphene import schema
from phosphene.errors import StoreError
from phosphene.records import Image
from phosphene.store.odd import is_id, sound
from phosphene.store.properties import image_of, instant, properties_of
from phosphene.vectors import Vector

VECTOR = "image"  # the named vector of `schemas/image.json`
# What is read of every image: not its thumbnail.
NAMES = [each["name"] for each in schema.collection()["properties"] if each["dataType"] != ["blob"]]


def object_of(image: Image, thumbnail: bytes | None) -> Any:
    """An image with its vector as the client takes it. Raises StoreError for text that is no Unicode."""
    properties = {name: value for name, value in properties_of(image).items() if value is not None}
    try:
        json.dumps(properties, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise StoreError(
            f"{error.object!r} cannot be stored: it is no Unicode text", hint="give the file another name"
        ) from error
    if thumbnail is not None:
        properties["thumbnail"] = base64.b64encode(thumbnail).decode()
    assert image.vector is not None, "an image that is written has a vector"
    return DataObject(uuid=image.id, properties=properties, vector={VECTOR: image.vector.tolist()})


def image_of_object(found: Any) -> Image:
    """An image of an object that came with NAMES, and with its vector where that was asked for."""
    properties = {name: found.properties.get(name) for name in NAMES}
    properties["created"] = _written(properties["created"])
    properties["parents"] = [str(parent) for parent in properties["parents"] or ()]
    return image_of(str(found.uuid), properties, _vector(found))


def decoded(blob: object) -> bytes:
    """A blob as bytes; none where it is no base64."""
    try:
        return base64.b64decode(blob) if isinstance(blob, str) else b""
    except binascii.Error:
        return b""


def valid_ids(ids: Sequence[str]) -> list[str]:
    """The ids that a server may know, each once: it refuses all that are no UUIDs."""
    return [id for id in dict.fromkeys(ids) if is_id(id)]


def _vector(found: Any) -> Vector | None:
    """The vector (d,) of an object; None where it has none, or one without a direction."""
    vector = found.vector.get(VECTOR)
    if not vector:
        return None
    vectors, usable = sound(np.asarray([vector], dtype=np.float32))
    return vectors[0] if usable[0] else None


def _written(time: object) -> str | None:
    """A time as RFC 3339 in UTC."""
    if not isinstance(time, datetime):
        return None
    return instant(time.isoformat()).replace("+00:00", "Z")
