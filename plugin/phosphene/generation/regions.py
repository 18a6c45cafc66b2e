"""The region around a mask: it is cut out of a large picture, made anew, and pasted back at full size.

A generator makes pictures of a fixed size. So that a photograph keeps all of its pixels, only the region
around the mask is handed to the generator, at the generator's size. What it returns is blended into the whole
picture *inside* of the mask. Every pixel outside of the mask stays as it was. Any generator that can do
inpainting is used in this way.
"""

from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from PIL import Image as pillow
from PIL import ImageFilter
from PIL.Image import Image as Picture
from PIL.Image import Resampling

from phosphene.errors import GenerationError
from phosphene.generation.fitting import check_proportions, nothing_to_paint, painted
from phosphene.generation.init_images import InitImage
from phosphene.generation.masks import Mask
from phosphene.generation.requests import Request
from phosphene.images import resized
from phosphene.images.sizes import Box, Size

CONTEXT = 2.0  # how many times larger than the mask the region is, so that its surroundings are seen
MARGIN = 1 / 16  # of the mask's longer side: what is seen around it at least, as far as the picture goes
SEAM = 1 / 64  # of the region's shorter side: the standard deviation of the blur that blends the seam
OPAQUE = 0.5  # the share of a mask that blending must leave: a thin mask gets a narrower seam


@dataclass(frozen=True, slots=True)
class Region:
    """The part `box` of a `picture` (RGB) that is made anew at a `size`, and the `mask` (L) of the whole.

    The box may reach beyond the picture.
    """

    box: Box
    picture: Picture
    mask: Picture
    size: Size

    @property
    def init(self) -> Picture:
        """The region at the generator's size. Beyond the picture, its edges are extended."""
        left, top, right, bottom = self._place
        part = resized(self.picture.crop(self._inside), (right - left, bottom - top), Resampling.LANCZOS)
        margins = ((top, self.size[1] - bottom), (left, self.size[0] - right), (0, 0))
        return pillow.fromarray(np.pad(np.asarray(part), margins, mode="edge"))

    @property
    def init_mask(self) -> Picture:
        """The mask of the region at the generator's size. Beyond the picture, everything is made anew."""
        left, top, right, bottom = self._place
        part = resized(self.mask.crop(self._inside), (right - left, bottom - top), Resampling.BILINEAR)
        whole = pillow.new("L", self.size, 255)
        whole.paste(part, (left, top))
        return whole

    def pasted(self, made: Picture) -> Picture:
        """The whole picture with the region that was `made`. Outside of the mask, no bit of it changes."""
        inside = self._inside
        size = (inside[2] - inside[0], inside[3] - inside[1])
        part = resized(made.convert("RGB").crop(self._place), size, Resampling.LANCZOS)
        whole = self.picture.copy()
        whole.paste(part, inside[:2], self._opacity())
        return whole

    @property
    def _inside(self) -> Box:
        """The part of the box that lies in the picture."""
        return _clipped(self.box, self.picture.size)

    @property
    def _place(self) -> Box:
        """Where the part that lies in the picture is in the generator's picture."""
        left, top, right, bottom = self.box
        across, down = self.size[0] / (right - left), self.size[1] / (bottom - top)
        inside = self._inside
        x, y = round((inside[0] - left) * across), round((inside[1] - top) * down)
        wide, high = (inside[2] - inside[0]) * across, (inside[3] - inside[1]) * down
        return x, y, min(self.size[0], x + max(1, round(wide))), min(self.size[1], y + max(1, round(high)))

    def _opacity(self) -> Picture:
        """How opaque the new pixels are, for the part that lies in the picture."""
        inside = self._inside
        seam = SEAM * min(self.box[2] - self.box[0], self.box[3] - self.box[1])
        reach = ceil(4 * seam)  # a blur does not see further
        left, top, right, bottom = inside
        around = _clipped((left - reach, top - reach, right + reach, bottom + reach), self.picture.size)
        opacity = blended_inside(self.mask.crop(around), seam)
        left, top = left - around[0], top - around[1]
        return opacity.crop((left, top, left + inside[2] - inside[0], top + inside[3] - inside[1]))


def placed(request: Request, init: InitImage | None, mask: Mask | None, region: Region | None) -> Request:
    """The request with the init image and the mask, or with only the region around the mask."""
    if region:
        return replace(request, init=region.init, mask=region.init_mask)
    if init and mask:
        return replace(request, init=mask.canvas(init.picture), mask=mask.picture)
    return replace(request, init=init.picture if init else None)


def whole_mask(picture: Picture, mask: Picture) -> Picture:
    """The mask in grey, at the size of its picture.

    Raises GenerationError for a mask with other proportions than its picture.
    """
    check_proportions(picture, mask)
    return resized(painted(mask), picture.size, Resampling.BILINEAR)


def region_of(picture: Picture, mask: Picture, size: Size) -> Region:
    """The region around a mask, which is made anew at a `size`.

    Raises GenerationError for a mask with other proportions than its picture, and for one that is black.
    """
    whole = whole_mask(picture, mask)
    bounds = whole.getbbox()
    if bounds is None:
        raise nothing_to_paint()
    return Region(box_around(bounds, picture.size, size), picture.convert("RGB"), whole, size)


def region_again(picture: Picture, mask: Picture, size: Size, box: Box) -> Region:
    """The region of a recipe. Raises GenerationError if its box does not lie on the picture."""
    left, top, right, bottom = _clipped(box, picture.size)
    if left >= right or top >= bottom:
        raise GenerationError(
            f"The region {list(box)} of the recipe does not lie on its init image, which is"
            f" {picture.width}x{picture.height}.",
            hint="get the original file, whose recipe has not been changed",
        )
    whole = whole_mask(picture, mask)
    return Region(box, picture.convert("RGB"), whole, size)


def box_around(bounds: Box, picture: Size, size: Size) -> Box:
    """A box around the bounds of a mask, in the proportions of `size`.

    It is CONTEXT times as large as the bounds and at least as large as `size`, as far as the picture allows
    that. It reaches beyond the picture only if the bounds would not fit into it otherwise.
    """
    grown = round(MARGIN * max(bounds[2] - bounds[0], bounds[3] - bounds[1]))
    left, top, right, bottom = bounds
    seen = _clipped((left - grown, top - grown, right + grown, bottom + grown), picture)
    least = max((seen[2] - seen[0]) / size[0], (seen[3] - seen[1]) / size[1])
    most = min(picture[0] / size[0], picture[1] / size[1])
    scale = max(least, min(most, max(1.0, CONTEXT * least)))
    wide, high = ceil(round(scale * size[0], 6)), ceil(round(scale * size[1], 6))
    x, y = (_start(seen[axis], seen[axis + 2], (wide, high)[axis], picture[axis]) for axis in (0, 1))
    return x, y, x + wide, y + high


def blended_inside(mask: Picture, seam: float) -> Picture:
    """The mask (L), fading towards its own edges: 0 on them and outside, and as it was further inside.

    The edges of the picture are no edges of the mask. `seam` is the standard deviation of a Gaussian blur.
    """
    inside = mask.point([0] + [255] * 255)
    total = np.asarray(inside, dtype=np.float32).sum()
    for deviation in (seam, seam / 2, seam / 4):
        blurred = np.asarray(inside.filter(ImageFilter.GaussianBlur(deviation)), dtype=np.float32)
        fading = np.clip(2 * blurred - 255, 0, 255) * (np.asarray(inside) > 0)
        if fading.sum() >= OPAQUE * total:
            opacity = fading * (np.asarray(mask, dtype=np.float32) / 255)
            return pillow.fromarray(np.rint(opacity).astype(np.uint8))
    return mask


def _start(low: int, high: int, length: int, limit: int) -> int:
    """Where a side of the box begins: around the middle of [low, high), in the picture where it fits."""
    start = (low + high - length) // 2
    return (limit - length) // 2 if length > limit else min(max(start, 0), limit - length)


def _clipped(box: Box, size: Size) -> Box:
    return max(box[0], 0), max(box[1], 0), min(box[2], size[0]), min(box[3], size[1])
