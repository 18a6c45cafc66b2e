"""Plans a picture again from its recipe."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image as Picture

from phosphene.errors import GenerationError, ImageError, QueryError
from phosphene.generation.checks import completed
from phosphene.generation.init_images import InitImage
from phosphene.generation.masks import Mask
from phosphene.generation.planning import Plan, Planner
from phosphene.generation.regions import Region, placed, region_again
from phosphene.generation.requests import Reference, Request
from phosphene.images import open_picture
from phosphene.picture_loader import PictureLoader
from phosphene.query.terms import find
from phosphene.recipes import HINT, Recipe, check, in_picture
from phosphene.recipes.formats import current
from phosphene.recipes.lineage import decode, neighbours
from phosphene.records import Image, Space
from phosphene.store import Store
from phosphene.vectors import Vector

SHOWN = 60  # characters of a generator's name in a recipe that an error shows


def recipe_in(source: str | Path, store: Store, pictures: PictureLoader) -> tuple[Recipe, Picture | None]:
    """The recipe of a picture file or of an image's id, and the picture if its file still exists.

    Raises ImageError for a file without a valid recipe, and QueryError for an image without one.
    """
    if isinstance(source, Path):
        recipe = in_picture(source)
        if recipe is None:
            raise ImageError(
                f"`{source}` has no recipe of phosphene.",
                hint="replay a picture that phosphene generated, in its original file",
            )
        return recipe, open_picture(source)
    image = find(store, source)
    if image.recipe is None:
        added = "was added and not generated, so it has no recipe"
        wrong = "has no recipe that can be read" if image.origin == "generated" else added
        raise QueryError(
            f"The image `{image.id}` {wrong}.",
            hint="find generated images with `phosphene search … --origin generated`",
        )
    recipe = dict(image.recipe)
    check(recipe, image.id)
    return recipe, pictures.full(image)


def plan_again(
    recipe: Recipe,
    planner: Planner,
    *,
    init: Path | str | None = None,
    mask: Path | str | None = None,
) -> Plan:
    """The plan that makes the picture of a valid recipe of any format again.

    `init` and `mask` name the files if the library does not know where they are. Raises GenerationError if
    something that the recipe names is gone, or if the generator does not allow what the recipe asks for.
    """
    today = current(recipe)
    check_space(today, planner.space)
    check_generator(today, planner)
    init_image = planner.init_images.find_again(today, "init", init)
    found = planner.masks.find_again(today, init_image, mask)
    for image in (init_image, found.file if found else None):
        planner.init_images.remember(image)
    return plan_of(today, planner, init_image, found)


def plan_of(recipe: Recipe, planner: Planner, init: InitImage | None, mask: Mask | None) -> Plan:
    """The plan that a valid recipe of today's format was made from.

    Raises GenerationError if the library lacks some of its parents, or if the generator does not allow what
    the recipe asks for.
    """
    target = None if recipe["vector"] is None else decode(recipe["vector"])
    lane = recipe.get("lane")
    if lane is not None:
        planner.lane(lane, init=init is not None and lane != "start")
    images = planner.store.get([entry["id"] for entry in neighbours(recipe)], vectors=True)
    request = request_of(recipe, _references(recipe, planner, images, target))
    region = _region(recipe, request, init, mask)
    request = placed(request, init, mask, region)
    if lane == "embedded":
        request = replace(request, reference_space=planner.capabilities.space)
    return Plan(
        recipe["prompt"],
        completed(request, planner.capabilities),
        {image.id: image.sha256 for image in images},
        negative=tuple(entry["prompt"] for entry in recipe["negative"]),
        init=init,
        mask=mask,
        region=region,
        candidate=recipe["candidate"],
    )


def check_space(recipe: Recipe, space: Space) -> None:
    """Raise GenerationError for a recipe with vectors of another space."""
    if recipe["space"] != space.id:
        raise GenerationError(
            f"The recipe has vectors of the space {recipe['space']}, but the library has vectors of"
            f" {space.id}.",
            hint="name the library in which the picture was made: `-L LIBRARY`",
        )
    own = [recipe["vector"]] if recipe["vector"] is not None else []
    for text in (*own, *(negative["vector"] for negative in recipe["negative"])):
        if len(decode(text)) != space.dimension:
            raise GenerationError(
                f"The recipe has a vector of {len(decode(text))} numbers, but vectors of {space.id} have"
                f" {space.dimension}.",
                hint=HINT,
            )


def check_generator(recipe: Recipe, planner: Planner) -> None:
    """Raise GenerationError for a recipe of another generator that this one cannot follow."""
    can, lane = planner.capabilities, recipe.get("lane")
    unknown = recipe["settings"].keys() - can.options.keys()
    if recipe["weights"] != can.weights and (unknown or lane not in (None, *planner.lane_choice().possible)):
        raise GenerationError(
            f"The generator `{recipe['generator'][:SHOWN]}` made this picture, and the generator `{can.name}`"
            " cannot follow its recipe.",
            hint="name the first one with `--generator`",
        )


def request_of(recipe: Recipe, references: tuple[Reference, ...]) -> Request:
    """The request of a recipe of today's format, without its init image and mask."""
    words = recipe.get("words") or {}
    return Request(
        seed=recipe["seed"],
        prompt=words.get("prompt", ""),
        negative_prompt=words.get("negative_prompt", ""),
        space=recipe["space"],
        vector=None if recipe["vector"] is None else decode(recipe["vector"]),
        negative_vectors=tuple(decode(negative["vector"]) for negative in recipe["negative"]),
        references=references,
        styles=tuple(
            Reference("", decode(each["vector"]), norm=each["norm"])
            for each in recipe.get("style_vectors") or ()
        ),
        lane=recipe.get("lane"),
        closeness=recipe.get("closeness"),
        fit=recipe["fit"],
        strength=recipe["strength"],
        size=(recipe["size"][0], recipe["size"][1]),
        num_inference_steps=recipe["num_inference_steps"],
        guidance_scale=recipe["guidance_scale"],
        options=recipe["settings"],
    )


def _region(recipe: Recipe, request: Request, init: InitImage | None, mask: Mask | None) -> Region | None:
    """The region of the recipe. None if the picture did not keep its full size."""
    if init is None or mask is None or not recipe.get("region"):
        return None
    left, top, right, bottom = recipe["region"]
    canvas = mask.canvas(init.picture)
    return region_again(canvas, mask.picture, request.size or canvas.size, (left, top, right, bottom))


def _references(
    recipe: Recipe, planner: Planner, images: Sequence[Image[Vector]], target: Vector | None
) -> tuple[Reference, ...]:
    """The neighbours with the weights and similarities of the recipe.

    Raises GenerationError if the library lacks some of them.
    """
    entries = neighbours(recipe)
    known = {image.id for image in images}
    if gone := [entry["id"] for entry in entries if entry["id"] not in known]:
        files = [planner.init_images.folder / "pictures" / f"{id}.png" for id in gone]
        left = " ".join(shlex.quote(str(file)) for file in files if file.exists())
        raise GenerationError(
            f"{len(gone)} of the {len(entries)} neighbours in the recipe are no longer in the library:"
            f" {', '.join(gone)}.",
            hint=f"bring them back: `phosphene add {left}`"
            if left
            else "add their pictures again, because the same files get the same ids",
        )
    direction = np.zeros(planner.space.dimension, dtype=np.float32) if target is None else target
    thumbnails = {entry["id"] for entry in entries if entry.get("picture") == "thumbnail"}
    references = planner.references(images, direction, recipe.get("lane"), thumbnails)
    found = {reference.id: reference for reference in references}
    _refuse_lost(entries, found)
    return tuple(
        replace(found[entry["id"]], weight=entry["weight"], similarity=entry["similarity"])
        for entry in entries
    )


def _refuse_lost(entries: Sequence[Mapping[str, Any]], found: Collection[str]) -> None:
    """Raise GenerationError if the lane of the recipe needs pictures of neighbours that are lost."""
    if lost := [entry["id"] for entry in entries if entry["id"] not in found]:
        raise GenerationError(
            f"{len(lost)} of the {len(entries)} neighbours in the recipe have no picture left, neither a file"
            f" nor a thumbnail: {', '.join(lost)}.",
            hint="bring their files back",
        )
