"""Converting images to the properties in `schemas/image.json` and back, for every store.

As in Weaviate, the id and the vector are not properties. Each store handles thumbnails in its own way.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeGuard

import numpy as np

from phosphene.errors import ImageError, VectorError
from phosphene.fields import EXACT, LARGEST, NAMES, fields_of, known
from phosphene.recipes import Recipe, parse, roles
from phosphene.records import Image, Parent, Space
from phosphene.store.invalid import is_id
from phosphene.times import instant
from phosphene.vectors import Vector


def properties_of(image: Image) -> dict[str, Any]:
    """The properties of an image, without its thumbnail. Fields that are not known are None."""
    return {
        "sha256": image.sha256,
        "uri": image.uri,
        "caption": image.caption,
        "captions": list(image.captions),
        "origin": image.origin,
        "width": image.width,
        "height": image.height,
        "created": image.created or None,
        "norm": image.norm,
        "recipe": None if image.recipe is None else json.dumps(dict(image.recipe)),
        "parents": [parent.id for parent in image.parents],
        "parentWeights": [parent.weight for parent in image.parents],
        "parentSimilarities": [parent.similarity for parent in image.parents],
        **dict.fromkeys(NAMES),
        **known(fields_of(known(image.fields))),
    }


def image_of(id: str, properties: Mapping[str, Any], vector: Vector | None = None) -> Image:
    """The image with this id, these properties and this vector (d,).

    Another program may have written the properties. One that is missing or has another type than ours gets a
    default value. Every image that phosphene did not generate counts as imported; libraries of format 1 say
    `training`.
    """
    read = properties.get
    recipe = _recipe(id, read("recipe"))
    return Image(
        id=id,
        sha256=_text(read("sha256")),
        uri=_text(read("uri")),
        caption=_text(read("caption")),
        captions=tuple(text for text in _list(read("captions")) if isinstance(text, str)),
        origin="generated" if read("origin") == "generated" else "imported",
        width=_size(read("width")),
        height=_size(read("height")),
        created=_text(read("created")) if instant(_text(read("created"))) else "",
        norm=_number(read("norm"), 1.0),
        recipe=recipe,
        parents=_parents(properties, recipe),
        fields=fields_of(properties),
        vector=vector,
    )


def _parents(properties: Mapping[str, Any], recipe: Recipe | None) -> tuple[Parent, ...]:
    """The parents that have a valid id, a weight and a similarity."""
    ids = _list(properties.get("parents"))
    numbers = (_list(properties.get(name)) for name in ("parentWeights", "parentSimilarities"))
    return tuple(
        Parent(id, float(weight), float(similarity), role)
        for id, weight, similarity, role in zip(ids, *numbers, roles(recipe, ids), strict=False)
        if is_id(id) and _is_number(weight) and _is_number(similarity)
    )


def _recipe(id: str, text: object) -> Recipe | None:
    """The recipe of a row, which is not validated yet, or None if the row holds no JSON object."""
    with suppress(ImageError):
        return parse(text, id) if text and isinstance(text, str) else None
    return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _size(value: object) -> int:
    return value if isinstance(value, int) and 0 < value <= EXACT else 0


def _number(value: object, otherwise: float) -> float:
    return float(value) if _is_number(value) else otherwise


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and abs(value) <= LARGEST


def checked_vector(vector: Vector | None, space: Space) -> Vector:
    """The vector (d,). Raises VectorError unless it has the dimension of the store's space."""
    found = () if vector is None else np.shape(vector)
    if found != (space.dimension,):
        raise VectorError(
            f"A vector of the shape {found} does not fit the model `{space.name}`, whose vectors have"
            f" {space.dimension} numbers.",
            hint="search and fill a library with the model that it was made with",
        )
    return np.asarray(vector, dtype=np.float32)
