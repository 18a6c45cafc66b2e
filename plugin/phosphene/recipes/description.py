"""What a recipe says of its picture, as fields by which the picture is found."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from phosphene.errors import ImageError
from phosphene.fields import Fields, fields_of, known
from phosphene.recipes import check
from phosphene.recipes.formats import current
from phosphene.records import Image, V


def described(recipe: Mapping[str, Any]) -> Fields:
    """The fields of the picture of a valid recipe of any format."""
    recipe = current(recipe)
    return fields_of(
        {
            "prompt": recipe["prompt"],
            "negative": ", ".join(each["prompt"] for each in recipe["negative"]),
            "model": recipe["generator"],
            "sampler": recipe.get("sampler"),  # older versions did not write it
            "seed": recipe["seed"],
            "steps": recipe["num_inference_steps"],
            "guidance": recipe["guidance_scale"],
        }
    )


def with_fields(image: Image[V]) -> Image[V]:
    """The image with the fields that its recipe gives and that are not known yet.

    An image without a recipe, or with one that is not valid, stays as it is.
    """
    if image.recipe is None:
        return image
    try:
        check(image.recipe, image.id)
    except ImageError:
        return image
    return replace(image, fields=fields_of(known(described(image.recipe)) | known(image.fields)))
