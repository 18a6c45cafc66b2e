"""Images as objects of a Weaviate collection and back, by way of the client."""

import base64
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from weaviate.classes.data import DataObject

from phosphene import schema
from phosphene.errors import StoreError
from phosphene.records import Image
from phosphene.store.properties import image_of, properties_of

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
    for name in ("sha256", "uri", "caption"):
        properties[name] = properties[name] or ""
    vector = found.vector.get(VECTOR)
    return image_of(
        str(found.uuid), properties, None if vector is None else np.asarray(vector, dtype=np.float32)
    )


def decoded(blob: str) -> bytes:
    """A blob as bytes."""
    return base64.b64decode(blob)


def known(ids: Sequence[str]) -> list[str]:
    """The ids that a server may know, each once: it refuses all that are no UUIDs."""
    return [id for id in dict.fromkeys(ids) if _is_id(id)]


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _written(time: datetime) -> str:
    """A time as RFC 3339 in UTC."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
