"""The formats of recipes, and the older ones read as today's.

1   the first one
2   the same, for a picture that began with an init image, which is a parent with a role
3   diffusers' names, and what only one family of generators knows in `settings`
"""

from collections.abc import Mapping
from typing import Any

FORMAT = 3
READABLE = (1, 2, FORMAT)


def current(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A sound recipe of any readable format in today's.

    Only for reading: the id of its image follows from the recipe as it was written.
    """
    if recipe["format"] == FORMAT:
        return dict(recipe)
    kept = (
        "prompt",
        "space",
        "vector",
        "parents",
        "negative",
        "init",
        "generator",
        "weights",
        "seed",
        "size",
    )
    return {
        **{key: recipe[key] for key in kept},
        "format": FORMAT,
        "mask": _mask(recipe),
        "sampler": "UniPC",
        "candidate": recipe.get("candidate", 0),
        "num_inference_steps": recipe["steps"],
        "guidance_scale": recipe["text_guidance"],
        "strength": recipe.get("strength", 1.0) if recipe["init"] else None,
        "fit": recipe.get("fit", "stretch"),  # the first versions stretched everything
        "settings": {
            "image_guidance_scale": recipe["neighbour_guidance"],
            "neighbour_strength": recipe.get("neighbour_strength", 1.0),  # the first began with noise
            "precision": "bfloat16" if recipe.get("precision") == "bfloat16" else "float32",
        },
    }


def _mask(recipe: Mapping[str, Any]) -> dict[str, Any] | None:
    """The mask. The first versions made anew what is transparent in it."""
    if not recipe["mask"]:
        return None
    return {**recipe["mask"], "transparency": recipe.get("transparent") or "painted"}
