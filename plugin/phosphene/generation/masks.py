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

from phosphene.errors import GenerationError
from phosphene.generation.init_images import InitImage, InitImages
from phosphene.images import open_mask, open_picture
from phosphene.images.sizes import Size
from phosphene.recipes.bounds import MAX_SIDE

RECTANGLE = re.compile(r"\s*(-?\d{1,6})\s*,\s*(-?\d{1,6})\s*,\s*(-?\d{1,6})\s*,\s*(-?\d{1,6})\s*")
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
    """Finds the masks that users and recipes name."""

    init_images: InitImages

    def open(
        self, named: Path | str | None, outpaint: Mapping[str, int] | None, init: InitImage | None
    ) -> Mask | None:
        """The mask that a user names for an init image, or that of the margins to `outpaint`.

        Raises QueryError or ImageError as `InitImages.open` does, and GenerationError for a mask without an
        init image and for a rectangle or margins that do not fit it.
        """
        if named is None and outpaint is None:
            return None
        if init is None:
            raise GenerationError(
                "The mask has no picture to lie on.", hint="pass the picture with `--init PICTURE`"
            )
        if named is None or outpaint is not None:
            if named is not None:
                raise GenerationError(
                    "A picture is either repainted in a mask or extended by margins, not both at once.",
                    hint="extend it first, and repaint the result",
                )
            return margins([(outpaint or {}).get(side, 0) for side in SIDES], init.picture.size)
        rectangular = RECTANGLE.fullmatch(named) if isinstance(named, str) else None
        if rectangular and not os.path.lexists(rectangular[0]):
            return rectangle([int(number) for number in rectangular.groups()], init.picture.size)
        return of_file(self.init_images.open(named, open_mask))

    def find_again(
        self, recipe: Mapping[str, Any], init: InitImage | None, given: Path | str | None = None
    ) -> Mask | None:
        """The mask of a recipe on its init image. If the user has `given` a file, only that is looked at.

        Raises GenerationError if it is not found.
        """
        named = recipe["mask"]
        kind = next((kind for kind in KINDS if kind in (named or ())), None)
        if init is None or kind is None:
            painted = (named or {}).get("transparency") == "painted"  # so it was in older versions
            found = self.init_images.find_again(recipe, "mask", given, open_picture if painted else open_mask)
            return of_file(found) if found else None
        if given is not None:
            raise GenerationError(
                "The recipe itself says where its mask is, which is not in a file.", hint="leave out `--mask`"
            )
        return KINDS[kind](named[kind], init.picture.size)


def of_file(image: InitImage) -> Mask:
    """The mask in a file."""
    return Mask(image.picture, image.named, image)


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


# The masks that a recipe describes itself, by the key that it describes them with.
KINDS: Mapping[str, Callable[[Sequence[int], Size], Mask]] = {"rectangle": rectangle, "margins": margins}
