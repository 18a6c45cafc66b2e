"""The formats of recipes. `current` translates the older ones.

1   the first format
2   the same, for a picture with an init image, which is a parent with a role
3   has diffusers' names, and keeps the options of a family of generators in `settings`
"""

from collections.abc import Mapping
from typing import Any

FORMAT = 3
READABLE = (1, 2, FORMAT)


def current(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A valid recipe of any readable format, in today's format.

    Use it only for reading, because the id of the image follows from the recipe as it was written.
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
        "fit": recipe.get("fit", "stretch"),  # the first versions stretched every init image
        "settings": {
            "image_guidance_scale": recipe["neighbour_guidance"],
            "neighbour_strength": recipe.get("neighbour_strength", 1.0),  # at first always noise
            "precision": "bfloat16" if recipe.get("precision") == "bfloat16" else "float32",
        },
    }


def _mask(recipe: Mapping[str, Any]) -> dict[str, Any] | None:
    """The mask. The first versions made its transparent parts anew."""
    if not recipe["mask"]:
        return None
    return {**recipe["mask"], "transparency": recipe.get("transparent") or "painted"}
