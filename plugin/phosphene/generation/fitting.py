"""Pictures of any shape as a generator begins with them, and the masks that lie on them.

Proportions are kept unless stretching is asked for. `crop` takes the middle of a picture that has the
proportions of the new one. `pad` takes the whole picture and extends its edges; with a mask, that margin
is made anew. A mask has the proportions of its picture, in any size, and is fitted in the same way.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image as pillow
from PIL.Image import Image as Picture
from PIL.Image import Resampling

from phosphene.errors import GenerationError
from phosphene.generation.requests import Request
from phosphene.images import resized
from phosphene.images.sizes import Size
from phosphene.recipes.bounds import Fit

HOW_IT_IS_READ = "what is white in a mask is made anew, what is black or transparent is kept"


def has_proportions(picture: Picture, size: Size) -> bool:
    """Whether a picture has the proportions of a size, so that every fit gives the same."""
    return picture.width * size[1] == picture.height * size[0]


def fitted(picture: Picture, size: Size, fit: Fit) -> Picture:
    """A picture in a size (width, height), in RGB."""
    picture = picture.convert("RGB")
    if fit != "pad":
        return resized(cropped(picture, size, fit), size, Resampling.LANCZOS)
    left, top, width, height = _frame(picture, size)
    whole = np.asarray(resized(picture, (width, height), Resampling.LANCZOS))
    margins = ((top, size[1] - top - height), (left, size[0] - left - width), (0, 0))
    return pillow.fromarray(np.pad(whole, margins, mode="edge"))


def fitted_mask(mask: Picture, size: Size, fit: Fit) -> Picture:
    """A mask as it lies on the picture that `fitted` gives, in grey."""
    mask = painted(mask)
    if fit != "pad":
        return resized(cropped(mask, size, fit), size, Resampling.BILINEAR)
    left, top, width, height = _frame(mask, size)
    whole = pillow.new("L", size, 255)
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


def cropped(picture: Picture, size: Size, fit: Fit) -> Picture:
    """The middle of a picture in the proportions of a size, where it is to be cropped; else all of it."""
    if fit != "crop" or has_proportions(picture, size):
        return picture
    left, top, width, height = _middle(picture, size)
    return picture.crop((left, top, left + width, top + height))


def remarks(init: Picture, mask: Picture | None, fit: Fit, size: Size) -> Iterator[str]:
    """What a user should know of an init image and its mask, in sentences, though they can be used."""
    if fit == "crop" and not has_proportions(init, size):
        _, _, width, height = _middle(init, size)
        yield (
            f"The init image is {init.width}x{init.height}: only its middle {width}x{height} is used"
            " (`--fit pad` keeps all of it)."
        )
    if mask is not None and _lightness(mask) == (255, 255):
        yield f"The mask is white everywhere: nothing of the init image is kept ({HOW_IT_IS_READ})."
    if mask is not None and _lightness(mask) == (0, 0) and fit != "pad" and not has_proportions(init, size):
        yield f"The mask is black everywhere: only the shape of the init image changes ({HOW_IT_IS_READ})."


def check_mask(request: Request, size: Size) -> None:
    """Raise GenerationError for a mask that does not lie on its picture, or that makes nothing anew.

    An opaque black one may lie on a picture of other proportions, and then it is only fitted.
    """
    init, mask = request.init, request.mask
    if mask is None or init is None:
        return
    if request.fit != "stretch" and not _alike(init, mask):
        raise GenerationError(
            f"The mask is {mask.width}x{mask.height} and the init image {init.width}x{init.height}:"
            " their proportions differ.",
            hint="draw the mask on the init image, in any size; `--fit stretch` stretches both",
        )
    if fitted_mask(mask, size, request.fit).getbbox():
        return
    if painted(mask).getbbox():
        raise GenerationError(
            "The mask is black in the part that is left of it, so it makes nothing anew.",
            hint="it is cropped and scaled with its picture: paint larger, or keep all with `--fit pad`",
        )
    if has_proportions(init, size) or mask.has_transparency_data:
        raise GenerationError("The mask is black everywhere, so it makes nothing anew.", hint=HOW_IT_IS_READ)


def _alike(first: Picture, second: Picture) -> bool:
    """Whether two pictures have the same proportions, but for a pixel that is lost to rounding."""
    return abs(first.width * second.height - second.width * first.height) <= max(first.size)


def _lightness(mask: Picture) -> tuple[int, int]:
    """The darkest and the lightest grey of a mask."""
    darkest, lightest = painted(mask).getextrema()
    return int(darkest), int(lightest)  # type: ignore[arg-type]  # of one channel, both are numbers


def _middle(picture: Picture, size: Size) -> tuple[int, int, int, int]:
    """Left, top, width and height of the largest middle of a picture in the proportions of a size."""
    width = min(picture.width, max(1, picture.height * size[0] // size[1]))
    height = min(picture.height, max(1, picture.width * size[1] // size[0]))
    return (picture.width - width) // 2, (picture.height - height) // 2, width, height


def _frame(picture: Picture, size: Size) -> tuple[int, int, int, int]:
    """Left, top, width and height of a whole picture in the middle of a size."""
    scale = min(size[0] / picture.width, size[1] / picture.height)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return (size[0] - width) // 2, (size[1] - height) // 2, width, height
