"""Fits init images and their masks to the size of the new picture.

- `crop` keeps the largest part in the middle that has the proportions of the new picture.
- `pad` keeps the whole picture and extends its edges. With a mask, the generator paints the margin anew.
- `stretch` keeps the whole picture and changes its proportions.

A mask may have any size, but it has to have the proportions of its picture. It is fitted in the same way.
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

MASK_RULE = "white parts of a mask are made anew, black and transparent parts are kept"


def has_proportions(picture: Picture, size: Size) -> bool:
    """Whether a picture has the proportions of a size. Then every fit gives the same result."""
    return picture.width * size[1] == picture.height * size[0]


def fitted(picture: Picture, size: Size, fit: Fit) -> Picture:
    """The picture in RGB, fitted to a size (width, height)."""
    picture = picture.convert("RGB")
    if fit != "pad":
        return resized(cropped(picture, size, fit), size, Resampling.LANCZOS)
    left, top, width, height = _frame(picture, size)
    whole = np.asarray(resized(picture, (width, height), Resampling.LANCZOS))
    margins = ((top, size[1] - top - height), (left, size[0] - left - width), (0, 0))
    return pillow.fromarray(np.pad(whole, margins, mode="edge"))


def fitted_mask(mask: Picture, size: Size, fit: Fit) -> Picture:
    """The mask in grey, fitted to a size in the same way as its picture is by `fitted`."""
    mask = painted(mask)
    if fit != "pad":
        return resized(cropped(mask, size, fit), size, Resampling.BILINEAR)
    left, top, width, height = _frame(mask, size)
    whole = pillow.new("L", size, 255)
    whole.paste(resized(mask, (width, height), Resampling.BILINEAR), (left, top))
    return whole


def painted(mask: Picture) -> Picture:
    """How much of each pixel is made anew, in grey. Transparent pixels count as black."""
    if not mask.has_transparency_data:
        return mask.convert("L")
    layer = mask.convert("RGBA")
    black = pillow.new("L", mask.size, 0)
    black.paste(layer.convert("L"), mask=layer.getchannel("A"))
    return black


def cropped(picture: Picture, size: Size, fit: Fit) -> Picture:
    """With `crop`, the middle of a picture in the proportions of a size. Otherwise the whole picture."""
    if fit != "crop" or has_proportions(picture, size):
        return picture
    left, top, width, height = _middle(picture, size)
    return picture.crop((left, top, left + width, top + height))


def fit_warnings(init: Picture, mask: Picture | None, fit: Fit, size: Size) -> Iterator[str]:
    """Warn of an init image and a mask that can be used, but perhaps not as the user meant: in sentences."""
    if fit == "crop" and not has_proportions(init, size):
        _, _, width, height = _middle(init, size)
        yield (
            f"The init image is {init.width}x{init.height}, of which only the middle {width}x{height} is"
            " used. `--fit pad` keeps all of it."
        )
    if mask is not None:
        yield from mask_warnings(mask)
    if mask is not None and _lightness(mask) == (0, 0) and fit != "pad" and not has_proportions(init, size):
        yield f"The mask is black everywhere, so only the shape of the init image changes: {MASK_RULE}."


def mask_warnings(mask: Picture) -> Iterator[str]:
    """Warn of a mask that keeps nothing: in a sentence."""
    if _lightness(mask) == (255, 255):
        yield f"The mask is white everywhere, so nothing of the init image is kept: {MASK_RULE}."


def check_proportions(init: Picture, mask: Picture) -> None:
    """Raise GenerationError for a mask with other proportions than its picture."""
    if not _alike(init, mask):
        raise GenerationError(
            f"The mask is {mask.width}x{mask.height} and the init image is {init.width}x{init.height}, so"
            " their proportions differ.",
            hint="draw the mask on the init image, in any size, or use `--fit stretch` to stretch both",
        )


def nothing_to_paint() -> GenerationError:
    """The error for a mask without a white part."""
    return GenerationError(
        "The mask is black everywhere, so nothing would be made anew.",
        hint=f"paint the area to change white: {MASK_RULE}",
    )


def check_mask(request: Request, size: Size) -> None:
    """Raise GenerationError for a mask with other proportions than its picture, or one that changes nothing.

    An opaque black mask is allowed if the picture has other proportions than `size`. The picture is then only
    fitted.
    """
    init, mask = request.init, request.mask
    if mask is None or init is None:
        return
    if request.fit != "stretch":
        check_proportions(init, mask)
    if fitted_mask(mask, size, request.fit).getbbox():
        return
    if painted(mask).getbbox():
        raise GenerationError(
            "The mask is black in the part that is left after fitting, so nothing would be made anew.",
            hint="paint a larger area white, or use `--fit pad` to keep the whole mask",
        )
    if has_proportions(init, size) or mask.has_transparency_data:
        raise nothing_to_paint()


def _alike(first: Picture, second: Picture) -> bool:
    """Whether two pictures have the same proportions, apart from one pixel that rounding may cost."""
    return abs(first.width * second.height - second.width * first.height) <= max(first.size)


def _lightness(mask: Picture) -> tuple[int, int]:
    """The darkest and the lightest grey of a mask."""
    darkest, lightest = painted(mask).getextrema()
    return int(darkest), int(lightest)  # type: ignore[arg-type]  # of one channel, both are numbers


def _middle(picture: Picture, size: Size) -> tuple[int, int, int, int]:
    """Left, top, width and height of the largest part in the middle that has the proportions of a size."""
    width = min(picture.width, max(1, picture.height * size[0] // size[1]))
    height = min(picture.height, max(1, picture.width * size[1] // size[0]))
    return (picture.width - width) // 2, (picture.height - height) // 2, width, height


def _frame(picture: Picture, size: Size) -> tuple[int, int, int, int]:
    """Left, top, width and height of the whole picture, scaled into the middle of a size."""
    scale = min(size[0] / picture.width, size[1] / picture.height)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return (size[0] - width) // 2, (size[1] - height) // 2, width, height
