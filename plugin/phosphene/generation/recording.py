"""Writes the recipe of a picture: JSON with everything that is needed to make it again."""

from dataclasses import asdict
from typing import Any

from phosphene.generation import Capabilities
from phosphene.generation.choosing import Chosen
from phosphene.generation.lanes import REFERENCE_LANES
from phosphene.generation.planning import Plan
from phosphene.recipes.formats import FORMAT
from phosphene.recipes.lineage import encode


def recipe_of(plan: Plan, chosen: Chosen, capabilities: Capabilities) -> dict[str, Any]:
    """The recipe of the chosen candidate. `lineage.identity` says which parts of it decide the image's id."""
    request = plan.request
    recipe: dict[str, Any] = {
        "format": FORMAT,
        "prompt": plan.prompt,
        "space": request.space,
        "vector": None if request.vector is None else encode(request.vector),
        "parents": _parents(plan),
        "negative": [
            {"prompt": prompt, "vector": encode(vector)}
            for prompt, vector in zip(plan.negative, request.negative_vectors, strict=True)
        ],
        "init": plan.init.named if plan.init else None,
        "mask": dict(plan.mask.named) if plan.mask else None,
        "generator": capabilities.name,
        "weights": capabilities.weights,
        "sampler": capabilities.sampler,
        "runtime": dict(capabilities.runtime),
        "seed": request.seed,
        "candidate": chosen.candidate,
        "num_inference_steps": request.num_inference_steps,
        "guidance_scale": request.guidance_scale,
        "strength": request.strength if plan.init else None,
        "fit": request.fit,
        "lane": request.lane,
        "closeness": request.closeness if request.lane in REFERENCE_LANES else None,
        "size": list(request.size or chosen.picture.size),
        "settings": dict(chosen.generated.settings),
    }
    if capabilities.additions:
        recipe["additions"] = [asdict(each) for each in capabilities.additions]
    if plan.styles:
        recipe["style"] = [style.named for style in plan.styles]
    if request.styles:
        styles = [{"vector": encode(each.vector), "norm": each.norm} for each in request.styles]
        recipe["style_vectors"] = styles
    if plan.region:
        recipe["region"] = list(plan.region.box)
    if "words" in capabilities.reads:
        recipe["words"] = {"prompt": request.prompt, "negative_prompt": request.negative_prompt}
    return recipe


def _parents(plan: Plan) -> list[dict[str, Any]]:
    """The neighbours, and the init image if it is an image of the library."""
    entries: list[dict[str, Any]] = [
        {
            "id": reference.id,
            "sha256": plan.parents[reference.id],
            "weight": round(reference.weight, 6),
            "similarity": round(reference.similarity, 6),
            **({"picture": "thumbnail"} if reference.from_thumbnail else {}),
        }
        for reference in plan.request.references
    ]
    if plan.init and plan.init.id:
        similarity = round(plan.init.similarity, 6)
        init = {"id": plan.init.id, "sha256": plan.init.sha256, "weight": 1.0, "similarity": similarity}
        entries.append({**init, "role": "init"})
    return entries
