"""The region around a mask is cut out of a picture of any size, and pasted back into it."""

import numpy as np
import pytest
from PIL import Image as pillow
from PIL.Image import Image as Picture

from phosphene.errors import GenerationError
from phosphene.generation.regions import blended_inside, box_around, region_again, region_of
from phosphene.images.sizes import Box, Size


def noise(width: int, height: int, seed: int = 0) -> Picture:
    random = np.random.default_rng(seed)
    return pillow.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))


def mask_of(size: Size, box: Box) -> Picture:
    mask = pillow.new("L", size, 0)
    mask.paste(255, box)
    return mask


@pytest.mark.parametrize(
    ("bounds", "picture", "size", "box"),
    [
        ((500, 400, 510, 410), (1000, 800), (256, 256), (377, 277, 633, 533)),  # the generator's own size
        ((0, 0, 10, 10), (1000, 800), (256, 256), (0, 0, 256, 256)),  # in the corner
        ((300, 200, 700, 600), (1000, 800), (256, 256), (100, 0, 900, 800)),  # no higher than the picture
        ((0, 0, 1000, 100), (1000, 800), (256, 256), (0, -100, 1000, 900)),  # wider than the picture is high
        ((10, 10, 20, 20), (64, 64), (256, 256), (0, 0, 64, 64)),  # a picture that is smaller than the size
        ((500, 400, 510, 410), (1000, 800), (512, 256), (249, 277, 761, 533)),
    ],
)
def test_the_region_has_the_proportions_of_the_generator(
    bounds: Box, picture: Size, size: Size, box: Box
) -> None:
    found = box_around(bounds, picture, size)
    assert found == box


@pytest.mark.parametrize("picture", [(700, 420), (420, 700), (64, 64), (1000, 90), (3, 400)])
@pytest.mark.parametrize("size", [(256, 256), (64, 32)])
def test_only_pixels_inside_of_the_mask_change(picture: Size, size: Size) -> None:
    whole = noise(*picture)
    inner = (picture[0] // 4, picture[1] // 3, max(picture[0] // 2, 1), picture[1])
    region = region_of(whole, mask_of(picture, inner), size)
    assert region.init.size == region.init_mask.size == size

    pasted = np.asarray(region.pasted(noise(*size, seed=1)))
    outside = np.asarray(region.mask) == 0
    assert pasted.shape == (picture[1], picture[0], 3)
    assert np.array_equal(pasted[outside], np.asarray(whole)[outside])
    assert not np.array_equal(pasted[~outside], np.asarray(whole)[~outside])


def test_what_is_pasted_unchanged_is_where_it_was() -> None:
    smooth = noise(12, 9).resize((900, 675), pillow.Resampling.BICUBIC)
    region = region_of(smooth, mask_of(smooth.size, (300, 100, 700, 500)), (256, 256))
    apart = np.abs(np.asarray(region.pasted(region.init), np.int16) - np.asarray(smooth, np.int16))
    assert apart.max() <= 3


def test_a_region_beyond_the_picture_extends_its_edges_and_puts_all_of_it_back() -> None:
    smooth = noise(12, 3).resize((1000, 250), pillow.Resampling.BICUBIC)
    region = region_of(smooth, mask_of(smooth.size, (0, 0, 1000, 250)), (256, 256))
    assert region.box == (0, -375, 1000, 625)
    assert np.asarray(region.init_mask).min() == 255
    assert np.array_equal(np.asarray(region.init)[0], np.asarray(region.init)[95])
    apart = np.abs(np.asarray(region.pasted(region.init), np.int16) - np.asarray(smooth, np.int16))
    assert np.percentile(apart, 99) <= 6


def test_the_seam_fades_inside_of_the_mask_but_not_at_the_edge_of_the_picture() -> None:
    mask = mask_of((200, 100), (0, 0, 100, 100))
    row = np.asarray(blended_inside(mask, 4.0))[50].astype(int)
    assert (row[:85] == 255).all() and (row[100:] == 0).all()
    assert (np.diff(row) <= 0).all() and 0 <= row[99] < 40 < row[95] < 250


def test_a_thin_mask_gets_a_narrow_seam() -> None:
    thin = mask_of((200, 100), (100, 0, 103, 100))
    assert np.asarray(blended_inside(thin, 8.0)).max() == 255


def test_half_transparent_paint_counts_half() -> None:
    grey = mask_of((100, 100), (20, 20, 80, 80)).point(lambda value: value // 2)
    assert np.asarray(blended_inside(grey, 2.0)).max() == 127


def test_masks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(GenerationError, match="proportions differ"):
        region_of(noise(100, 50), mask_of((100, 90), (0, 0, 9, 9)), (64, 64))
    with pytest.raises(GenerationError, match="black everywhere"):
        region_of(noise(100, 50), pillow.new("L", (100, 50)), (64, 64))
    with pytest.raises(GenerationError, match="does not lie on its init image"):
        region_again(noise(100, 50), mask_of((100, 50), (0, 0, 9, 9)), (64, 64), (100, 0, 200, 50))
