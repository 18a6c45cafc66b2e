"""Makes a picture again from its recipe, and compares it with the original."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL.Image import Image as Picture

from phosphene.embedding import Embedder
from phosphene.errors import GenerationError, ImageError, QueryError
from phosphene.generation.checks import completed
from phosphene.generation.init_images import InitImage
from phosphene.generation.making import GeneratedImage, Maker
from phosphene.generation.masks import Mask
from phosphene.generation.planning import Plan, Planner
from phosphene.generation.regions import Region, region_again
from phosphene.generation.requests import OnStep, Reference, Request
from phosphene.images import open_picture
from phosphene.picture_loader import PictureLoader
from phosphene.query.terms import find
from phosphene.recipes import HINT, Recipe, check, in_picture
from phosphene.recipes.formats import current
from phosphene.recipes.lineage import decode, generated_id, neighbours, parents_of
from phosphene.records import Image, Space
from phosphene.store import Store
from phosphene.vectors import Vector


@dataclass(frozen=True, slots=True)
class Replayed:
    """A picture that was made again from its recipe, and how near it is to the original."""

    image: Image
    picture: Picture
    original: Picture | None  # None if its file is gone
    cosine: float | None
    largest_difference: int | None  # grey levels, 0 to 255, over all pixels and channels
    same_weights: bool

    @property
    def identical(self) -> bool:
        """Whether every pixel is the same."""
        return self.largest_difference == 0


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


def replay(
    recipe: Recipe,
    planner: Planner,
    maker: Maker,
    original: Picture | None,
    *,
    init: Path | str | None = None,
    mask: Path | str | None = None,
    on_step: OnStep | None = None,
) -> Replayed:
    """Make the picture of a valid recipe of any format again, and compare it with the original.

    `init` and `mask` name the files if the library does not know where they are. Raises GenerationError if
    something that the recipe names is gone, or if the generator does not allow what the recipe asks for.
    """
    today = current(recipe)
    check_space(today, planner.space)
    init_image = planner.init_images.find_again(today, "init", init)
    found = planner.masks.find_again(today, init_image, mask)
    for image in (init_image, found.file if found else None):
        planner.init_images.remember(image)
    [made] = maker.make([plan_of(today, planner, init_image, found)], on_step)
    weights = maker.generator.capabilities.weights
    return compared(made, recipe, original, weights, maker.embedder)


def plan_of(recipe: Recipe, planner: Planner, init: InitImage | None, mask: Mask | None) -> Plan:
    """The plan that a valid recipe of today's format was made from.

    Raises GenerationError if the library lacks some of its parents, or if the generator does not allow what
    the recipe asks for.
    """
    target = None if recipe["vector"] is None else decode(recipe["vector"])
    images = planner.store.get([entry["id"] for entry in neighbours(recipe)], vectors=True)
    request = request_of(recipe, _references(recipe, planner, images, target))
    request, region = _placed(recipe, request, init, mask)
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
        fit=recipe["fit"],
        strength=recipe["strength"],
        size=(recipe["size"][0], recipe["size"][1]),
        num_inference_steps=recipe["num_inference_steps"],
        guidance_scale=recipe["guidance_scale"],
        options=recipe["settings"],
    )


def compared(
    made: GeneratedImage, recipe: Recipe, original: Picture | None, weights: str, embedder: Embedder
) -> Replayed:
    """The new picture and how near it is to the original. `recipe` is the stored one, in its own format.

    If the same weights made it, it counts as the same image, with the same recipe and the same id.
    """
    image, same = made.image, weights == recipe["weights"]
    if same:
        id = generated_id(recipe)
        image = replace(image, id=id, uri=f"pictures/{id}.png", recipe=recipe, parents=parents_of(recipe))
    return Replayed(
        image,
        made.picture,
        original,
        None if original is None else _cosine(embedder, made.picture, original),
        None if original is None else largest_difference(made.picture, original),
        same,
    )


def largest_difference(first: Picture, second: Picture) -> int | None:
    """The largest difference of any pixel, in grey levels. None for pictures of different sizes."""
    if first.size != second.size:
        return None
    return int(np.abs(np.asarray(first, dtype=np.int16) - np.asarray(second, dtype=np.int16)).max())


def _placed(
    recipe: Recipe, request: Request, init: InitImage | None, mask: Mask | None
) -> tuple[Request, Region | None]:
    """The request with the init image and the mask of the recipe, or with the region of them."""
    if init and mask and recipe.get("region"):
        left, top, right, bottom = recipe["region"]
        size = request.size or init.picture.size
        region = region_again(init.picture, mask.picture, size, (left, top, right, bottom))
        return replace(request, init=region.init, mask=region.init_mask), region
    return replace(request, init=init.picture if init else None, mask=mask.picture if mask else None), None


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
    found = {reference.id: reference for reference in planner.references(images, direction)}
    return tuple(
        replace(found[entry["id"]], weight=entry["weight"], similarity=entry["similarity"])
        for entry in entries
    )


def _cosine(embedder: Embedder, first: Picture, second: Picture) -> float:
    embedded = embedder.pictures([embedder.prepare(first), embedder.prepare(second)])
    return float(embedded.vectors[0] @ embedded.vectors[1])
