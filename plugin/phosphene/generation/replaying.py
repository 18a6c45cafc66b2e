"""From a recipe back to the request that it was made from, and how near the new picture comes."""

import shlex
from dataclasses import dataclass

import numpy as np
from PIL.Image import Image as Picture

from phosphene.errors import GenerationError
from phosphene.generation import Reference, Request
from phosphene.generation.making import Source
from phosphene.maintenance.copying import Place
from phosphene.recipes import HINT, Recipe
from phosphene.recipes.lineage import decode, neighbours
from phosphene.records import Image, Space
from phosphene.vectors import there


@dataclass(frozen=True, slots=True)
class Replayed:
    """A picture made again from its recipe, and how near it came to the first one."""

    image: Image
    picture: Picture
    original: Picture | None  # None where its file is gone
    cosine: float | None
    largest_difference: int | None  # grey levels, 0 to 255, over all pixels and channels
    same_weights: bool

    @property
    def identical(self) -> bool:
        """Whether every pixel is the same."""
        return self.largest_difference == 0


def check_space(recipe: Recipe, space: Space) -> None:
    """Raise GenerationError for a recipe whose vectors are not of this space."""
    if recipe["space"] != space.id:
        raise GenerationError(
            f"the recipe has vectors of {recipe['space']}, and the library of {space.id}",
            hint="name the library that the picture was made in: `-L LIBRARY`",
        )
    given = [recipe["vector"]] if recipe["vector"] is not None else []
    for text in (*given, *(negative["vector"] for negative in recipe["negative"])):
        if len(decode(text)) != space.dimension:
            raise GenerationError(
                f"the recipe has a vector of {len(decode(text))} numbers; those of {space.id} have"
                f" {space.dimension}",
                hint=HINT,
            )


def request_of(
    recipe: Recipe, references: tuple[Reference, ...], init: Source | None, mask: Source | None
) -> Request:
    """The request that a sound recipe was made from."""
    return Request(
        space=recipe["space"],
        seed=recipe["seed"],
        candidate=recipe.get("candidate", 0),
        candidates=1,
        text=None if recipe["vector"] is None else decode(recipe["vector"]),
        references=references,
        negative=tuple(decode(negative["vector"]) for negative in recipe["negative"]),
        init=init.picture if init else None,
        mask=mask.picture if mask else None,
        fit=recipe.get("fit", "stretch"),  # those of old were stretched
        strength=recipe.get("strength", 1.0),
        size=(recipe["size"][0], recipe["size"][1]),
        steps=recipe["steps"],
        guidance_scale=recipe["text_guidance"],
        image_guidance_scale=recipe["neighbour_guidance"],
        neighbour_strength=recipe.get("neighbour_strength", 1.0),  # those of old started from noise
    )


def references_of(recipe: Recipe, library: Place) -> tuple[Reference, ...]:
    """The neighbours that led the picture. Raises GenerationError where the library lacks some."""
    entries = neighbours(recipe)
    ids = [entry["id"] for entry in entries]
    vectors = {image.id: there(image.vector) for image in library.store.get(ids, vectors=True)}
    if gone := [id for id in ids if id not in vectors]:
        files = [library.folder / "pictures" / f"{id}.png" for id in gone]
        left = " ".join(shlex.quote(str(file)) for file in files if file.exists())
        raise GenerationError(
            f"{len(gone)} of its {len(ids)} parents are no longer in the library: {', '.join(gone)}",
            hint=f"bring them back: `phosphene add {left}`"
            if left
            else "add their pictures again; the same files get the same ids",
        )
    return tuple(
        Reference(entry["id"], vectors[entry["id"]], entry["weight"], entry["similarity"])
        for entry in entries
    )


def largest_difference(first: Picture, second: Picture) -> int | None:
    """The most that a pixel differs by, in grey levels; None for pictures of two sizes."""
    if first.size != second.size:
        return None
    return int(np.abs(np.asarray(first, dtype=np.int16) - np.asarray(second, dtype=np.int16)).max())
