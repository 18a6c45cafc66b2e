"""Masks: which part of an init image is made anew, as a user or a recipe names it.

A mask is the picture in a file, an image of the library, or a rectangle `x,y,w,h` in pixels of the init
image. A file whose name looks like a rectangle is the file.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image as pillow
from PIL.Image import Image as Picture

from phosphene.errors import GenerationError
from phosphene.generation.init_images import InitImage, InitImages
from phosphene.images import open_mask, open_picture
from phosphene.images.sizes import Size

RECTANGLE = re.compile(r"\s*(-?\d{1,6})\s*,\s*(-?\d{1,6})\s*,\s*(-?\d{1,6})\s*,\s*(-?\d{1,6})\s*")


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask, and how a recipe names it. `file` is the file that it was read from, if there is one."""

    picture: Picture
    named: Mapping[str, Any]
    file: InitImage | None = None


@dataclass(frozen=True, slots=True)
class Masks:
    """Finds the masks that users and recipes name."""

    init_images: InitImages

    def open(self, named: Path | str, init: InitImage | None) -> Mask:
        """The mask that a user names for an init image.

        Raises QueryError or ImageError as `InitImages.open` does, and GenerationError for a mask without an
        init image and for a rectangle that does not lie on it.
        """
        if init is None:
            raise GenerationError(
                "The mask has no picture to lie on.", hint="pass the picture with `--init PICTURE`"
            )
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
        if named and init and "rectangle" in named:
            if given is not None:
                raise GenerationError(
                    "The mask of the recipe is not a file, but a rectangle.", hint="leave out `--mask`"
                )
            return rectangle(named["rectangle"], init.picture.size)
        painted = (named or {}).get("transparency") == "painted"  # so it was in older versions
        found = self.init_images.find_again(recipe, "mask", given, open_picture if painted else open_mask)
        return of_file(found) if found else None


def of_file(image: InitImage) -> Mask:
    """The mask in a file."""
    return Mask(image.picture, image.named, image)


def rectangle(numbers: list[int], size: Size) -> Mask:
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
