"""An image as the properties of `schemas/image.json` and back: what every store writes down.

The id and the vector travel beside the properties, as Weaviate has them; the thumbnail is left to
each store.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from phosphene.errors import ImageError, VectorError
from phosphene.recipes import Recipe, parse, roles
from phosphene.records import Image, Parent, Space
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
        "created": image.created,
        "norm": image.norm,
        "recipe": None if image.recipe is None else json.dumps(dict(image.recipe)),
        "parents": [parent.id for parent in image.parents],
        "parentWeights": [parent.weight for parent in image.parents],
        "parentSimilarities": [parent.similarity for parent in image.parents],
    }


def image_of(id: str, properties: Mapping[str, Any], vector: Vector | None = None) -> Image:
    """The image of an id, its properties and perhaps its vector (d,)."""
    recipe = _recipe(id, properties["recipe"])
    lineage = zip(
        properties["parents"] or (),
        properties["parentWeights"] or (),
        properties["parentSimilarities"] or (),
        roles(recipe, properties["parents"] or ()),
        strict=True,
    )
    return Image(
        id=id,
        sha256=properties["sha256"],
        uri=properties["uri"],
        caption=properties["caption"],
        captions=tuple(properties["captions"] or ()),
        origin=properties["origin"],
        width=properties["width"],
        height=properties["height"],
        created=properties["created"],
        norm=properties["norm"],
        recipe=recipe,
        parents=tuple(Parent(*parent) for parent in lineage),
        vector=vector,
    )


def _recipe(id: str, text: str | None) -> Recipe | None:
    """The recipe of a row, which is not checked yet; None where what a stranger wrote is no JSON object."""
    with suppress(ImageError):
        return parse(text, id) if text else None
    return None


def fitting(vector: Vector | None, space: Space) -> Vector:
    """The vector, where it has the dimension of a store's space. Raises VectorError where not."""
    found = () if vector is None else np.shape(vector)
    if found != (space.dimension,):
        raise VectorError(
            f"a vector of shape {found} does not fit `{space.name}`, whose vectors have"
            f" {space.dimension} numbers",
            hint="ask and fill a library with the model that made it",
        )
    return np.asarray(vector, dtype=np.float32)
