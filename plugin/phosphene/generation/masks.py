"""Masks: which part of an init image is made anew, as a user or a recipe names it.

A mask is the picture in a file, an image of the library, a rectangle `x,y,w,h` in pixels of the init image,
words for what to replace (see `word_masks`), or the margins by which the init image is extended. A file whose
name looks like a rectangle or like words is the file.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as pillow
from PIL.Image import Image as Picture

from phosphene.config import expanded
from phosphene.embedding import Embedder
from phosphene.errors import GenerationError, ImageError
from phosphene.generation.init_images import InitImage, InitImages
from phosphene.generation.word_masks import NEUTRAL, decoded, encoded, see, word_mask
from phosphene.images import open_mask, open_picture
from phosphene.images.sizes import Size
from phosphene.query import parse_terms
from phosphene.query.terms import ID
from phosphene.recipes.bounds import MAX_SIDE
from phosphene.vectors import Vector

RECTANGLE = re.compile(r"\s*(-?\d{1,6})\s*,\s*(-?\d{1,6})\s*,\s*(-?\d{1,6})\s*,\s*(-?\d{1,6})\s*")
NUMBERS = re.compile(r"[-\d\s,.]+")  # meant as a rectangle, because words have letters
SIDES = ("left", "top", "right", "bottom")
MAX_PIXELS = 178_956_970  # of an extended picture, which is what Pillow opens

Margins = tuple[int, int, int, int]  # pixels at the left, top, right and bottom


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask, and how a recipe names it. `file` is the file that it was read from, if there is one."""

    picture: Picture
    named: Mapping[str, Any]
    file: InitImage | None = None
    margins: Margins = (0, 0, 0, 0)  # by which the init image is extended

    def canvas(self, init: Picture) -> Picture:
        """The picture that the mask lies on: the init image, whose edges fill the margins."""
        left, top, right, bottom = self.margins
        if not any(self.margins):
            return init
        pixels = np.asarray(init.convert("RGB"))
        return pillow.fromarray(np.pad(pixels, ((top, bottom), (left, right), (0, 0)), mode="edge"))


@dataclass(frozen=True, slots=True)
class Masks:
    """Finds the masks that users and recipes name. The model is loaded only for words."""

    init_images: InitImages
    vector: Callable[[str], Vector]  # of a query, (d,)
    load_embedder: Callable[[], Embedder]

    def open(
        self, named: Path | str | None, outpaint: Mapping[str, int] | None, init: InitImage | None
    ) -> Mask | None:
        """The mask that a user names for an init image, or that of the margins to `outpaint`.

        Raises QueryError or ImageError as `InitImages.open` does, ModelError if the model cannot make a mask
        from words, and GenerationError for a mask without an init image and for a rectangle or margins that
        do not fit it.
        """
        if named is None and outpaint is None:
            return None
        if init is None:
            raise GenerationError(
                "The mask has no picture to lie on.", hint="pass the picture with `--init PICTURE`"
            )
        if outpaint is None:
            assert named is not None
            return self._named(named, init.picture)
        if named is not None:
            raise GenerationError(
                "A picture is either repainted in a mask or extended by margins, not both at once.",
                hint="extend it first, and repaint the result",
            )
        return margins([outpaint.get(side, 0) for side in SIDES], init.picture.size)

    def _named(self, named: Path | str, init: Picture) -> Mask:
        """The mask of a file, an id, a rectangle or words."""
        if isinstance(named, Path) or os.path.lexists(expanded(named)):
            return of_file(self.init_images.open(named, open_mask))
        if found := RECTANGLE.fullmatch(named):
            return rectangle([int(number) for number in found.groups()], init.size)
        if NUMBERS.fullmatch(named):
            raise GenerationError(
                f"The mask `{named[:60]}` is not a rectangle.",
                hint="give x, y, width and height in whole pixels, such as 640,480,300,200",
            )
        query = parse_terms(named)
        if ID.fullmatch(named) or any(term.kind != "text" for term in query.terms):
            return of_file(self.init_images.open(named, open_mask))
        neutral = [self.vector(text) for text in NEUTRAL]
        small = word_mask(see(self.load_embedder(), init), self.vector(named), neutral)
        return of_words({"words": str(query), "png": encoded(small)}, init.size)

    def find_again(
        self, recipe: Mapping[str, Any], init: InitImage | None, given: Path | str | None = None
    ) -> Mask | None:
        """The mask of a recipe on its init image. If the user has `given` a file, only that is looked at.

        Raises GenerationError if it is not found.
        """
        named = recipe["mask"]
        if init is None or not named or "sha256" in named:
            painted = (named or {}).get("transparency") == "painted"  # so it was in older versions
            found = self.init_images.find_again(recipe, "mask", given, open_picture if painted else open_mask)
            return of_file(found) if found else None
        if given is not None:
            raise GenerationError(
                "The recipe itself says where its mask is, which is not in a file.", hint="leave out `--mask`"
            )
        return described(named, init.picture.size)


def described(named: Mapping[str, Any], size: Size) -> Mask:
    """The mask that a recipe describes, on an init image of a `size`."""
    if "rectangle" in named:
        return rectangle(named["rectangle"], size)
    return margins(named["margins"], size) if "margins" in named else of_words(named, size)


def of_file(image: InitImage) -> Mask:
    """The mask in a file."""
    return Mask(image.picture, image.named, image)


def of_words(named: Mapping[str, Any], size: Size) -> Mask:
    """The mask that words have become, as a recipe names it: by its words and a small PNG."""
    try:
        return Mask(decoded(named["png"], size), dict(named))
    except (ValueError, ImageError) as error:
        raise GenerationError(
            "The mask in the recipe is damaged.",
            hint="get the original file, whose recipe has not been changed",
        ) from error


def rectangle(numbers: Sequence[int], size: Size) -> Mask:
    """The mask that is white in the rectangle [x, y, w, h] of an init image of a `size`."""
    x, y, w, h = numbers
    if min(x, y) < 0 or min(w, h) < 1 or x + w > size[0] or y + h > size[1]:
        raise GenerationError(
            f"The rectangle {x},{y},{w},{h} does not lie on the init image, which is {size[0]}x{size[1]}.",
            hint="give x, y, width and height in pixels, counted from the top left corner of the init image",
        )
    picture = pillow.new("L", size, 0)
    picture.paste(255, (x, y, x + w, y + h))
    return Mask(picture, {"rectangle": list(numbers)})


def margins(numbers: Sequence[int], size: Size) -> Mask:
    """The mask of the margins [left, top, right, bottom] by which an init image of a `size` is extended."""
    left, top, right, bottom = numbers
    width, height = size[0] + left + right, size[1] + top + bottom
    if min(numbers) < 0 or not any(numbers):
        raise GenerationError(
            "The init image would not be extended: no margin has pixels.",
            hint="give a side and a number of pixels, for example `--outpaint left=128`",
        )
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise GenerationError(
            f"The extended picture would have {width}x{height} pixels, which is too large.",
            hint="extend it by less, or make the init image smaller",
        )
    picture = pillow.new("L", (width, height), 255)
    picture.paste(0, (left, top, left + size[0], top + size[1]))
    return Mask(picture, {"margins": list(numbers)}, margins=(left, top, right, bottom))
