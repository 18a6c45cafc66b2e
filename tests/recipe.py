"""A valid recipe for tests, and copies of it with one changed entry."""

import copy
from typing import Any

import numpy as np

from phosphene.recipes.formats import FORMAT
from phosphene.recipes.lineage import encode
from phosphene.vectors import unit

VECTOR = unit(np.arange(1, 9, dtype=np.float32))
PARENT, START = "5f0c2a44-3a51-5c7e-9a70-6f1c0f3f0d11", "b6f4a1de-0b5e-5f0e-8c43-2f6f7b1f0a22"
RECIPE: dict[str, Any] = {
    "format": FORMAT,
    "prompt": "ein rotes Häuschen, 雪",
    "space": "tiny:0123",
    "vector": encode(VECTOR),
    "parents": [{"id": PARENT, "sha256": "aa", "weight": 1.0, "similarity": 0.5}],
    "negative": [{"prompt": "trees", "vector": encode(-VECTOR)}],
    "init": {"uri": "/pictures/a.jpg", "sha256": "cc" * 32},
    "mask": None,
    "generator": "tiny",
    "weights": "ffffffffffffffff",
    "seed": 7,
    "candidate": 0,
    "num_inference_steps": 6,
    "guidance_scale": 3.0,
    "strength": 0.6,
    "fit": "crop",
    "size": [64, 64],
    "settings": {"image_guidance_scale": 1.5},
}
OLD_RECIPE: dict[str, Any] = {
    **{key: RECIPE[key] for key in ("prompt", "space", "vector", "parents", "negative", "init", "mask")},
    **{key: RECIPE[key] for key in ("generator", "weights", "seed", "size")},
    **{"format": 1, "steps": 6, "text_guidance": 3.0, "neighbour_guidance": 1.5},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The recipe with one entry changed, e.g. `parents.0.weight`."""
    recipe = copy.deepcopy(RECIPE)
    *way, last = (int(part) if part.isdigit() else part for part in path.split("."))
    place: Any = recipe
    for part in way:
        place = place[part]
    place[last] = value
    return recipe
