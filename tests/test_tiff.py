"""Every usual kind of TIFF is read rightly or refused with a reason, and never read wrongly."""

import itertools
from typing import Any, Literal, TypedDict

import numpy as np
import pytest
from numpy.typing import NDArray

from phosphene.errors import ImageError
from phosphene.images import decode
from pictures import drawn
from tiffs import DEFLATE, tiff

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's, see `phosphene.images`

PICTURE = drawn(5, (52, 40))
RGB = np.asarray(PICTURE)
GREY = np.asarray(PICTURE.convert("L"))[..., None]
ALPHA = np.tile(np.linspace(0, 255, 52).astype(np.uint8), (40, 1))[..., None]


class Layout(TypedDict, total=False):
    """The position of the pixels in the file."""

    rows: int  # of a strip
    tile: int  # pixels of its side
    compression: int


LAYOUTS: dict[str, Layout] = {
    "one strip": {},
    "strips": {"rows": 7},
    "tiles": {"tile": 16},
    "packed strips": {"compression": DEFLATE, "rows": 7},
    "packed tiles": {"compression": DEFLATE, "tile": 16},
}
Array = NDArray[Any]


def wide(values: Array, kind: str) -> Array:
    """Stretch 8-bit values over the whole range of another type."""
    type, share = np.dtype(kind), values / 255
    if type.kind == "f":
        return share.astype(type)
    limits = np.iinfo(type)
    return (
        (limits.min + np.rint(share * (float(limits.max) - limits.min)))
        .clip(limits.min, limits.max)
        .astype(type)
    )


def dark(values: Array) -> Array:
    """Do the same with white as the lowest value."""
    if values.dtype.kind == "f":
        return (1 - values).astype(values.dtype)
    limits = np.iinfo(values.dtype)
    return (limits.max - (values.astype(np.int64) - limits.min)).astype(values.dtype)


def on_white(values: Array) -> Array:
    share = ALPHA / 255
    return values * share + 255 * (1 - share)


def stretched(values: Array) -> Array:
    low, high = int(values.min()), int(values.max())
    return (values - float(low)) * (255 / (high - low))


def outcome(content: bytes, *shown: Array) -> str:
    """`right` if the picture is one of the possible ones, or otherwise the reason of the refusal."""
    try:
        found = np.asarray(decode(content).picture, dtype=np.float64)
    except ImageError as error:
        return error.message
    off = min(float(np.abs(found - one).mean()) for one in shown)
    assert off < 2.5, f"read, and wrong by {off:.0f} of 255"
    return "right"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_grey_of_every_type(layout: str, order: Literal["<", ">"]) -> None:
    found = {}
    for kind, photometric in itertools.product(
        ("u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8"), (0, 1)
    ):
        samples = wide(GREY, kind) if photometric else dark(wide(GREY, kind))
        content = tiff(samples, photometric, order=order, **LAYOUTS[layout])
        found[kind, photometric] = outcome(content, GREY, stretched(GREY))
    right = {("u1", 0), ("u1", 1), ("u2", 1), ("i1", 1), ("i2", 1), ("i4", 1), ("f4", 0), ("f4", 1)}
    right |= {("u2", 0), ("u4", 1)} if order == "<" else set()
    assert {key for key, said in found.items() if said == "right"} == right
    assert set(found.values()) == {"right", "phosphene does not read this kind of TIFF"}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_grey_and_palettes_of_few_bits(layout: str, order: Literal["<", ">"]) -> None:
    for bits in (1, 2, 4, 12):
        most = 2**bits - 1
        samples = (GREY.astype(int) * most // 255).astype(np.uint16)
        for photometric in (0, 1):
            stored = samples if photometric else most - samples
            content = tiff(
                stored.astype(np.uint16), photometric, order=order, bits=bits, kind=1, **LAYOUTS[layout]
            )
            said = outcome(content, samples * (255 / most))
            assert said == "right" or bits == 12
        ramp = np.arange(2**bits) * 65535 // most
        colours = np.stack([ramp, 65535 - ramp, ramp // 2]).astype(np.uint16)
        shown = np.stack([one[samples[..., 0]] / 257 for one in colours], axis=-1)
        said = outcome(tiff(samples, 3, order=order, bits=bits, colours=colours, **LAYOUTS[layout]), shown)
        assert said == "right" or bits == 12


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("planar", [False, True], ids=["together", "planar"])
def test_colours_of_eight_and_sixteen_bits(planar: bool, layout: str, order: Literal["<", ">"]) -> None:
    how: dict[str, Any] = {"order": order, "planar": planar, **LAYOUTS[layout]}
    cmyk = np.asarray(PICTURE.convert("CMYK"))
    for kind in ("u1", "u2"):
        veiled = np.concatenate([wide(RGB, kind), wide(ALPHA, kind)], axis=-1)
        assert outcome(tiff(wide(RGB, kind), 2, **how), RGB) == "right"
        assert outcome(tiff(veiled, 2, extra=[2], **how), on_white(RGB)) == "right"
        assert outcome(tiff(wide(cmyk, kind), 5, **how), RGB) == "right"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("planar", [False, True], ids=["together", "planar"])
def test_rarer_kinds_are_right_or_refused(planar: bool, layout: str, order: Literal["<", ">"]) -> None:
    how: dict[str, Any] = {"order": order, "planar": planar, **LAYOUTS[layout]}
    ycbcr, lab = np.asarray(PICTURE.convert("YCbCr")), np.full((40, 52, 3), (137, 0, 0), np.uint8)
    for kind in ("u1", "u2", "u4", "f4"):
        faint = np.rint(RGB * (ALPHA / 255)).astype(np.uint8)
        outcome(tiff(wide(np.concatenate([faint, ALPHA], -1), kind), 2, extra=[1], **how), on_white(RGB))
        outcome(tiff(wide(np.concatenate([RGB, ALPHA], -1), kind), 2, extra=[0], **how), RGB)
        outcome(
            tiff(wide(np.concatenate([RGB, ALPHA, ALPHA], -1), kind), 2, extra=[2, 0], **how), on_white(RGB)
        )
        outcome(tiff(wide(np.concatenate([GREY, ALPHA], -1), kind), 1, extra=[2], **how), on_white(GREY))
        outcome(tiff(wide(ycbcr, kind), 6, also=[(530, 3, [1, 1])], **how), RGB)
        outcome(tiff(wide(ycbcr, kind), 6, **how), RGB)
        outcome(tiff(wide(lab, kind), 8, **how), np.full((40, 52, 3), 128))
        outcome(
            tiff(wide(lab ^ np.array([0, 128, 128], np.uint8), kind), 9, **how), np.full((40, 52, 3), 128)
        )


def test_a_grey_picture_whose_transparency_is_multiplied_in() -> None:
    faint = np.rint(GREY * (ALPHA / 255)).astype(np.uint8)
    assert outcome(tiff(np.concatenate([faint, ALPHA], -1), 1, extra=[1]), on_white(GREY)) == "right"


def test_a_kind_that_is_not_read_says_so_and_what_to_do() -> None:
    with pytest.raises(ImageError, match="phosphene does not read this kind of TIFF") as caught:
        decode(tiff(wide(RGB, "f8"), 2))
    assert "8 or 16 bits" in caught.value.hint


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.9])
def test_a_tiff_that_is_cut_off_is_refused(share: float) -> None:
    for content in (tiff(wide(RGB, "u2"), 2, planar=True, rows=7), tiff(GREY, 1, order=">")):
        assert outcome(content[: int(len(content) * share)], RGB) in (
            "it is cut off or damaged",
            "there is no picture in it",
        )
