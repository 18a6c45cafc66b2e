"""Pictures of any shape as the squares that generators start from, and the masks that lie on them.

Proportions are kept unless stretching is asked for: `crop` takes the middle of a picture. `pad` takes
the whole picture and draws its edges out to fill the square; with a mask, that margin is made anew.
A mask has the proportions of its start, in any size, and is cropped, padded or stretched along with it.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image as pillow
from PIL.Image import Image as Picture
from PIL.Image import Resampling

from phosphene.errors import GenerationError
from phosphene.generation import Fit, Request
from phosphene.images import resized

HOW_IT_IS_READ = "what is white in a mask is made anew; what is black or transparent is kept"


def is_square(picture: Picture) -> bool:
    """Whether every fit gives the same start."""
    return picture.width == picture.height


def fitted(picture: Picture, size: int, fit: Fit) -> Picture:
    """A picture as a square of `size` pixels, in RGB."""
    picture = picture.convert("RGB")
    if fit != "pad":
        return resized(cropped(picture, fit), (size, size), Resampling.LANCZOS)
    left, top, width, height = _frame(picture, size)
    whole = np.asarray(resized(picture, (width, height), Resampling.LANCZOS))
    margins = ((top, size - top - height), (left, size - left - width), (0, 0))
    return pillow.fromarray(np.pad(whole, margins, mode="edge"))


def fitted_mask(mask: Picture, size: int, fit: Fit) -> Picture:
    """A mask as it lies on the start that `fitted` gives, in grey."""
    mask = painted(mask)
    if fit != "pad":
        return resized(cropped(mask, fit), (size, size), Resampling.BILINEAR)
    left, top, width, height = _frame(mask, size)
    whole = pillow.new("L", (size, size), 255)
    whole.paste(resized(mask, (width, height), Resampling.BILINEAR), (left, top))
    return whole


def painted(mask: Picture) -> Picture:
    """How much of each pixel is made anew, in grey: the mask's paint on black."""
    if not mask.has_transparency_data:
        return mask.convert("L")
    layer = mask.convert("RGBA")
    black = pillow.new("L", mask.size, 0)
    black.paste(layer.convert("L"), mask=layer.getchannel("A"))
    return black


def cropped(picture: Picture, fit: Fit) -> Picture:
    """The square in the middle of a picture that is to be cropped; of another, all."""
    if fit != "crop" or is_square(picture):
        return picture
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side))


def remarks(init: Picture, mask: Picture | None, fit: Fit) -> Iterator[str]:
    """What a user should know of a start and its mask, in sentences, though pictures can be made."""
    if fit == "crop" and not is_square(init):
        side = min(init.size)
        yield (
            f"the start is {init.width}x{init.height}: only its middle {side}x{side} is used "
            "(`--fit pad` keeps all of it)"
        )
    if mask is not None and _lightness(mask) == (255, 255):
        yield f"the mask is white everywhere: nothing of the start is kept ({HOW_IT_IS_READ})"
    if mask is not None and _lightness(mask) == (0, 0) and fit != "pad" and not is_square(init):
        yield f"the mask is black everywhere: nothing but the start's shape changes ({HOW_IT_IS_READ})"


def check_mask(request: Request, size: int) -> None:
    """Raise GenerationError for a mask that does not lie on its start, or that makes nothing anew.

    An opaque black one may lie on a start that is not square, and then only fits it.
    """
    init, mask = request.init, request.mask
    if mask is None:
        return
    if init is None:
        raise GenerationError(
            "a mask, but no picture that it lies on", hint="`--init PICTURE` gives the picture to change"
        )
    if request.fit != "stretch" and not _alike(init, mask):
        raise GenerationError(
            f"the mask is {mask.width}x{mask.height} and the start {init.width}x{init.height}: "
            "their proportions differ",
            hint="draw the mask on the start, in any size; `--fit stretch` stretches both to a square",
        )
    if fitted_mask(mask, size, request.fit).getbbox():
        return
    if painted(mask).getbbox():
        raise GenerationError(
            "the mask is black in all that is left of it: it makes nothing anew",
            hint="it is cropped and scaled with its start: paint larger, or keep all with `--fit pad`",
        )
    if is_square(init) or mask.has_transparency_data:
        raise GenerationError("the mask is black everywhere: it makes nothing anew", hint=HOW_IT_IS_READ)


def _alike(first: Picture, second: Picture) -> bool:
    """Whether two pictures have the same proportions, but for a pixel that is lost to rounding."""
    return abs(first.width * second.height - second.width * first.height) <= max(first.size)


def _lightness(mask: Picture) -> tuple[int, int]:
    """The darkest and the lightest grey of a mask."""
    darkest, lightest = painted(mask).getextrema()
    return int(darkest), int(lightest)  # type: ignore[arg-type]  # of one channel, both are numbers


def _frame(picture: Picture, size: int) -> tuple[int, int, int, int]:
    """Left, top, width and height of a whole picture in the middle of a square."""
    scale = size / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return (size - width) // 2, (size - height) // 2, width, height
