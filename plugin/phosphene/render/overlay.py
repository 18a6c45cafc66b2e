"""Drawing a mask over its picture."""

from PIL import Image
from PIL.Image import Image as Picture

from phosphene.render.colours import GLOW

VEIL = 0.6  # how opaque the colour is where the mask is white


def mask_overlay(picture: Picture, mask: Picture) -> Picture:
    """The picture with the parts that a mask (L, of the same size) is white in covered by a colour."""
    veil = mask.point([round(VEIL * value) for value in range(256)])
    return Image.composite(Image.new("RGB", picture.size, GLOW), picture.convert("RGB"), veil)
