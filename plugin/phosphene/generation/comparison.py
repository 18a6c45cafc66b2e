"""Compares a picture that was made again from its recipe with the first one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL.Image import Image as Picture

from phosphene.embedding import Embedder
from phosphene.generation.making import GeneratedImage
from phosphene.recipes import Recipe
from phosphene.recipes.formats import current
from phosphene.recipes.lineage import generated_id, neighbours, parents_of
from phosphene.records import Image

SHOWN = 12  # characters of a digest that a sentence shows


@dataclass(frozen=True, slots=True)
class Replayed:
    """A picture that was made again from its recipe, and how near it is to the original.

    `differences` are the things that could not be made as the recipe says, each as a clause.
    """

    image: Image
    picture: Picture
    original: Picture | None  # None if its file is gone
    cosine: float | None
    largest_difference: int | None  # grey levels, 0 to 255, over all pixels and channels
    same_weights: bool
    differences: tuple[str, ...] = ()

    @property
    def identical(self) -> bool:
        """Whether every pixel is the same."""
        return self.largest_difference == 0


def compared(
    made: GeneratedImage, recipe: Recipe, original: Picture | None, weights: str, embedder: Embedder
) -> Replayed:
    """The new picture and how near it is to the original. `recipe` is the stored one, in its own format.

    If everything was as the recipe says, it counts as the same image, with the same recipe and the same id.
    """
    image, again, first = made.image, made.image.recipe or {}, current(recipe)
    differ = tuple(differences(first, again))
    if not differ:
        id = generated_id(recipe)
        image = replace(image, id=id, uri=f"pictures/{id}.png", recipe=recipe, parents=parents_of(recipe))
    apart = None if original is None else largest_difference(made.picture, original)
    return Replayed(
        image,
        made.picture,
        original,
        None if original is None else _cosine(embedder, made.picture, original),
        apart,
        first["weights"] == weights,
        (*differ, *(runtimes(first, again) if apart else ())),
    )


def differences(first: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[str]:
    """What differs between a recipe and the one of the picture that was made again from it."""
    if first["weights"] != again["weights"]:
        before, now = (each["weights"][:SHOWN] for each in (first, again))
        yield f"the weights {before} made the first picture, and the generator here has {now}"
    if gone := _from_thumbnails(again) - _from_thumbnails(first):
        yield f"the files of {len(gone)} neighbours are gone, so their thumbnails were used"


def runtimes(first: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[str]:
    """The versions and the device that differ. They may change the last bits of pixels."""
    before, now = first.get("runtime", {}), again.get("runtime", {})
    for name in sorted(before.keys() & now.keys()):
        if before[name] != now[name]:
            yield f"the first picture was made with {name} {before[name]}, and this one with {now[name]}"


def largest_difference(first: Picture, second: Picture) -> int | None:
    """The largest difference of any pixel, in grey levels. None for pictures of different sizes."""
    if first.size != second.size:
        return None
    return int(np.abs(np.asarray(first, dtype=np.int16) - np.asarray(second, dtype=np.int16)).max())


def _from_thumbnails(recipe: Mapping[str, Any]) -> set[str]:
    """The ids of the neighbours of which only the thumbnails were used."""
    return {entry["id"] for entry in neighbours(recipe) if entry.get("picture") == "thumbnail"}


def _cosine(embedder: Embedder, first: Picture, second: Picture) -> float:
    embedded = embedder.pictures([embedder.prepare(first), embedder.prepare(second)])
    return float(embedded.vectors[0] @ embedded.vectors[1])
