"""An image as the properties of `schemas/image.json` and back: what every store writes down.

The id and the vector travel beside the properties, as Weaviate has them; the thumbnail is left to
each store.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from math import isfinite
from typing import Any, TypeGuard

import numpy as np

from phosphene.errors import ImageError, VectorError
from phosphene.recipes import Recipe, parse, roles
from phosphene.records import Image, Parent, Space
from phosphene.store.invalid import is_id
from phosphene.vectors import Vector


def properties_of(image: Image) -> dict[str, Any]:
    """The properties of an image, but for its thumbnail."""
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
    }


def image_of(id: str, properties: Mapping[str, Any], vector: Vector | None = None) -> Image:
    """The image of an id, its properties and perhaps its vector (d,).

    Other programs may have written them: what is missing, or of another type than ours, has a plain value.
    Every image that phosphene did not generate counts as imported; libraries of format 1 say `training`.
    """
    said = properties.get
    recipe = _recipe(id, said("recipe"))
    return Image(
        id=id,
        sha256=_text(said("sha256")),
        uri=_text(said("uri")),
        caption=_text(said("caption")),
        captions=tuple(text for text in _list(said("captions")) if isinstance(text, str)),
        origin="generated" if said("origin") == "generated" else "imported",
        width=_size(said("width")),
        height=_size(said("height")),
        created=_text(said("created")) if instant(_text(said("created"))) else "",
        norm=_number(said("norm"), 1.0),
        recipe=recipe,
        parents=_parents(properties, recipe),
        vector=vector,
    )


def instant(created: str) -> str:
    """A time in one notation, since stores write `Z` or `+00:00`, or more zeros. Empty where it is none."""
    try:
        return datetime.fromisoformat(created).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return ""


def _parents(properties: Mapping[str, Any], recipe: Recipe | None) -> tuple[Parent, ...]:
    """The parents that are told with an id, a weight and a similarity."""
    ids = _list(properties.get("parents"))
    numbers = (_list(properties.get(name)) for name in ("parentWeights", "parentSimilarities"))
    return tuple(
        Parent(id, float(weight), float(similarity), role)
        for id, weight, similarity, role in zip(ids, *numbers, roles(recipe, ids), strict=False)
        if is_id(id) and _is_number(weight) and _is_number(similarity)
    )


def _recipe(id: str, text: object) -> Recipe | None:
    """The recipe of a row, which is not checked yet; None where what a stranger wrote is no JSON object."""
    with suppress(ImageError):
        return parse(text, id) if text and isinstance(text, str) else None
    return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _size(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _number(value: object, otherwise: float) -> float:
    return float(value) if _is_number(value) else otherwise


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and isfinite(value)


def checked_vector(vector: Vector | None, space: Space) -> Vector:
    """The vector (d,), if it has the dimension of a store's space. Raises VectorError otherwise."""
    found = () if vector is None else np.shape(vector)
    if found != (space.dimension,):
        raise VectorError(
            f"a vector of shape {found} does not fit `{space.name}`, whose vectors have"
            f" {space.dimension} numbers",
            hint="search and fill a library with the model that it was made with",
        )
    return np.asarray(vector, dtype=np.float32)
