"""Init images and masks of any shape are fitted, and masks in all usual kinds of files are read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from PIL.Image import Image as Picture

from phosphene.errors import GenerationError
from phosphene.generation import Fit, Request
from phosphene.generation.fitting import check_mask, fit_warnings, fitted, fitted_mask
from phosphene.images import open_mask

SIZE = 64
RED, GREEN, BLUE = (200, 30, 30), (30, 200, 30), (30, 30, 200)


def thirds(width: int, height: int) -> Picture:
    """A picture in red, green and blue. Each colour covers a third of the longer side."""
    colours = np.array([RED, GREEN, BLUE], dtype=np.uint8)
    lines = colours[np.arange(max(width, height)) * 3 // max(width, height)]
    rows = np.broadcast_to(lines, (height, width, 3)) if width >= height else lines[:, None].repeat(width, 1)
    return Image.fromarray(np.ascontiguousarray(rows))


def colours_along(picture: Picture, *, vertical: bool) -> list[str]:
    """The sequence of the three colours across the middle of a picture."""
    values = np.asarray(picture)
    line = values[:, SIZE // 2] if vertical else values[SIZE // 2]
    names = ["red", "green", "blue"]
    seen = [names[int(pixel.argmax())] for pixel in line if np.ptp(pixel) > 150]
    return [name for place, name in enumerate(seen) if place == 0 or seen[place - 1] != name]


@pytest.mark.parametrize("vertical", [False, True])
@pytest.mark.parametrize(
    ("fit", "seen"),
    [
        ("crop", ["green"]),
        ("pad", ["red", "green", "blue"]),
        ("stretch", ["red", "green", "blue"]),
    ],
)
def test_each_fit_keeps_the_right_part_of_a_long_init_image(
    fit: Fit, seen: list[str], vertical: bool
) -> None:
    start = thirds(100, 300) if vertical else thirds(300, 100)
    assert colours_along(fitted(start, (SIZE, SIZE), fit), vertical=vertical) == seen


@pytest.mark.parametrize(("fit", "proportion"), [("crop", 1.0), ("pad", 1.0), ("stretch", 2.5)])
def test_only_stretching_changes_proportions(fit: Fit, proportion: float) -> None:
    wide = Image.new("RGB", (640, 256), "black")
    ImageDraw.Draw(wide).ellipse([270, 78, 370, 178], fill="white")
    disc = np.asarray(fitted(wide, (256, 256), fit).convert("L")) > 128
    assert disc[:, 128].sum() / disc[128].sum() == pytest.approx(proportion, rel=0.06)


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_a_square_init_image_is_the_same_in_every_fit(fit: Fit) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    start = Image.fromarray(noise)
    plain = start.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    assert fitted(start, (SIZE, SIZE), fit).tobytes() == plain.tobytes()
    assert (
        fitted_mask(start, (SIZE, SIZE), fit).tobytes()
        == start.convert("L").resize((SIZE, SIZE), 2).tobytes()
    )
    assert not list(fit_warnings(start, None, fit, (SIZE, SIZE)))


def test_the_edges_of_a_padded_init_image_are_extended() -> None:
    """There is no bar of one colour, which the generator would take for a wall or a frame."""
    padded = np.asarray(fitted(thirds(300, 100), (SIZE, SIZE), "pad"))
    assert np.array_equal(padded[0], padded[SIZE // 2])


@pytest.mark.parametrize("size", [(1, 4000), (4000, 1), (3, 2), (257, 256)])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_thin_and_tiny_init_images_are_fitted(size: tuple[int, int], fit: Fit) -> None:
    assert fitted(Image.new("RGB", size, RED), (SIZE, SIZE), fit).getcolors() == [(SIZE * SIZE, RED)]
    assert fitted_mask(Image.new("L", size, 255), (SIZE, SIZE), fit).getcolors() == [(SIZE * SIZE, 255)]


def test_a_mask_is_fitted_exactly_like_its_init_image() -> None:
    mask = Image.new("L", (640, 256), 0)
    mask.paste(255, (192, 0, 320, 256))  # the left half of the middle square
    cropped, padded = (np.asarray(fitted_mask(mask, (SIZE, SIZE), fit)) for fit in ("crop", "pad"))
    half = SIZE // 2
    assert (cropped[:, : half - 1].min(), cropped[:, half + 1 :].max()) == (255, 0)
    assert np.all(padded[[0, -1]] == 255)  # the margin is made anew
    assert (padded[half, 25], padded[half, 40]) == (255, 0)


def test_the_warning_about_cropping_says_how_to_avoid_it() -> None:
    wide = Image.new("RGB", (640, 256))
    [said] = fit_warnings(wide, None, "crop", (SIZE, SIZE))
    used = "The init image is 640x256, of which only the middle 256x256 is used."
    assert said == f"{used} `--fit pad` keeps all of it."
    assert not [each for fit in ("pad", "stretch") for each in fit_warnings(wide, None, fit, (SIZE, SIZE))]


@pytest.mark.parametrize(("shade", "says"), [(255, ["white everywhere"]), (0, ["black everywhere"]), (9, [])])
def test_a_mask_of_one_shade_is_warned_of(shade: int, says: list[str]) -> None:
    wide = Image.new("RGB", (64, 40))
    remarked = list(fit_warnings(wide, Image.new("L", (64, 40), shade), "stretch", (SIZE, SIZE)))
    assert len(remarked) == len(says)
    assert all(words in remark for words, remark in zip(says, remarked, strict=True))


# ── masks as they are painted ─────────────────────────────────────────────────────────────


def layer(paint: object, ground: object, mode: str = "RGBA") -> Picture:
    """A layer whose left half is painted."""
    mask = Image.new(mode, (64, 64), ground)  # type: ignore[arg-type]
    mask.paste(paint, (0, 0, 32, 64))  # type: ignore[arg-type]
    return mask


def palette(transparent: int | None) -> Picture:
    mask = layer(1, 0, "P")
    mask.putpalette([0, 0, 0, 255, 255, 255] if transparent is None else [255, 255, 255] * 2)
    if transparent is not None:
        mask.info["transparency"] = transparent
    return mask


SIXTEEN_BITS = Image.fromarray(np.array([[65535] * 32 + [0] * 32] * 64, dtype=np.uint16))
PAINTED = {
    "white on transparent white": layer((255, 255, 255, 255), (255, 255, 255, 0)),
    "white on transparent black": layer((255, 255, 255, 255), (0, 0, 0, 0)),
    "grey with alpha": layer((255, 255), (255, 0), "LA"),
    "opaque with alpha": layer((255, 255, 255, 255), (0, 0, 0, 255)),
    "black and white": layer((255, 255, 255), (0, 0, 0), "RGB"),
    "grey": layer(255, 0, "L"),
    "1 bit": layer(1, 0, "1"),
    "16 bits": SIXTEEN_BITS,
    "palette": palette(None),
    "palette with a transparent colour": palette(0),
}


@pytest.mark.parametrize("name", PAINTED)
def test_a_mask_is_read_as_painted(name: str, tmp_path: Path) -> None:
    PAINTED[name].save(tmp_path / "mask.png")
    read = np.asarray(fitted_mask(open_mask(tmp_path / "mask.png"), (SIZE, SIZE), "crop"))
    assert (read[:, :32].min(), read[:, 32:].max()) == (255, 0)


def test_a_mask_for_print_is_read_as_painted(tmp_path: Path) -> None:
    layer((0, 0, 0, 0), (0, 0, 0, 255), "CMYK").save(tmp_path / "mask.tif")
    read = np.asarray(fitted_mask(open_mask(tmp_path / "mask.tif"), (SIZE, SIZE), "crop"))
    assert (read[:, :32].min(), read[:, 32:].max()) == (255, 0)


def test_a_mask_is_turned_upright_like_its_init_image(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was turned, so that the left half is at the top
    layer((255, 255, 255, 255), (0, 0, 0, 0)).save(tmp_path / "mask.png", exif=turned)
    read = np.asarray(fitted_mask(open_mask(tmp_path / "mask.png"), (SIZE, SIZE), "crop"))
    assert (read[:32].min(), read[32:].max()) == (255, 0)


def test_half_transparent_paint_counts_half(tmp_path: Path) -> None:
    layer((255, 255, 255, 128), (255, 255, 255, 0)).save(tmp_path / "mask.png")
    assert fitted_mask(open_mask(tmp_path / "mask.png"), (SIZE, SIZE), "crop").getpixel((5, 5)) == 128


def test_only_pictures_with_transparent_parts_keep_their_alpha(tmp_path: Path) -> None:
    modes = {}
    for name in ("opaque with alpha", "white on transparent black", "grey"):
        PAINTED[name].save(tmp_path / "mask.png")
        modes[name] = open_mask(tmp_path / "mask.png").mode
    assert modes == {"opaque with alpha": "L", "white on transparent black": "LA", "grey": "L"}


# ── unusable masks ────────────────────────────────────────────────────────────────────────

WIDE, SQUARE = Image.new("RGB", (640, 256)), Image.new("RGB", (256, 256))
REQUEST = Request(seed=1, init=WIDE)


def corner() -> Picture:
    """A mask that is only painted in the part that is cropped away."""
    mask = Image.new("L", WIDE.size, 0)
    mask.paste(255, (0, 0, 40, 256))
    return mask


@pytest.mark.parametrize(
    ("init", "mask", "says", "hint"),
    [
        (SQUARE, Image.new("L", (256, 256), 0), "black everywhere, so nothing would be made anew", "white"),
        (SQUARE, layer((0, 0, 0, 255), (0, 0, 0, 0)), "nothing would be made anew", "white"),
        (WIDE, Image.new("RGBA", WIDE.size, (255, 255, 255, 0)), "nothing would be made anew", "transparent"),
        (WIDE, corner(), "in the part that is left after fitting", "--fit pad"),
        (WIDE, Image.new("L", (256, 256), 255), "256x256 and the init image is 640x256", "--fit stretch"),
    ],
)
def test_a_mask_that_makes_no_sense_is_refused(init: Picture, mask: Picture, says: str, hint: str) -> None:
    with pytest.raises(GenerationError) as raised:
        check_mask(replace(REQUEST, init=init, mask=mask), (SIZE, SIZE))
    assert says in raised.value.message
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    ("size", "fit"), [((640, 256), "crop"), ((320, 128), "crop"), ((100, 40), "pad"), ((50, 50), "stretch")]
)
def test_a_mask_may_have_any_size_with_the_proportions_of_its_init_image(
    size: tuple[int, int], fit: Fit
) -> None:
    check_mask(replace(REQUEST, mask=Image.new("L", size, 255), fit=fit), (SIZE, SIZE))
    check_mask(
        replace(REQUEST, init=Image.new("RGB", (1000, 667)), mask=Image.new("L", (100, 67), 9)), (SIZE, SIZE)
    )


def test_a_black_mask_is_allowed_where_only_the_shape_or_the_margin_changes() -> None:
    for fit in ("crop", "pad", "stretch"):
        check_mask(replace(REQUEST, mask=Image.new("L", WIDE.size, 0), fit=fit), (SIZE, SIZE))


def test_a_size_that_is_not_square_is_fitted_in_its_proportions() -> None:
    wide = thirds(300, 100)
    assert fitted(wide, (96, 32), "crop").tobytes() == fitted(wide, (96, 32), "stretch").tobytes()
    cropped, padded = (np.asarray(fitted(wide, (64, 32), fit)) for fit in ("crop", "pad"))
    assert cropped.shape == padded.shape == (32, 64, 3)
    assert tuple(padded[0, 0]) == RED and padded[0, 63].argmax() == 2
    assert cropped[16, 0].argmax() == 0 and not list(fit_warnings(wide, None, "crop", (96, 32)))
