"""PNGs of every depth are read rightly, whatever their other chunks hold."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from phosphene.errors import ImageError
from phosphene.images import decode, read_texts
from phosphene.vectors import Pixels
from pictures import chunk, drawn, encoded, opened
from profiles import rgb_profile

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's, see `phosphene.images`

PICTURE = drawn(2, (30, 20))
RGB = np.asarray(PICTURE)
GREY = np.asarray(PICTURE.convert("L"))[..., None]
ALPHA = np.tile(np.linspace(0, 255, 30).astype(np.uint8), (20, 1))[..., None]
MIB = 1 << 20


def by_hand(samples: NDArray[Any], colour: int, *others: bytes) -> bytes:
    """A PNG of 8 or 16 bits. `others` are chunks before the pixels."""
    height, width = samples.shape[:2]
    depth = samples.dtype.itemsize * 8
    lines = samples.astype(samples.dtype.newbyteorder(">")).reshape(height, -1)
    pixels = b"".join(b"\0" + line.tobytes() for line in lines)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    end = chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(others) + end


def deep(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.uint16) * 257


def off(content: bytes, shown: NDArray[Any]) -> float:
    return float(np.abs(opened(content).astype(np.float64) - shown).max())


@pytest.mark.parametrize("wide", [lambda values: values, deep], ids=["8 bits", "16 bits"])
def test_every_kind_of_colour_is_right(wide: Callable[[Pixels], NDArray[Any]]) -> None:
    share = ALPHA / 255
    veiled, grey_veiled = RGB * share + 255 * (1 - share), GREY * share + 255 * (1 - share)
    assert off(by_hand(wide(GREY), 0), GREY) <= 1
    assert off(by_hand(wide(RGB), 2), RGB) <= 1
    assert off(by_hand(wide(np.concatenate([GREY, ALPHA], -1)), 4), grey_veiled) <= 2
    assert off(by_hand(wide(np.concatenate([RGB, ALPHA], -1)), 6), veiled) <= 2


@pytest.mark.parametrize("wide", [lambda values: values, deep], ids=["8 bits", "16 bits"])
def test_one_colour_that_stands_for_nothing_shows_white(wide: Callable[[Pixels], NDArray[Any]]) -> None:
    grey, colour = np.full((4, 4, 1), 9, np.uint8), np.full((4, 4, 3), (200, 10, 30), np.uint8)
    nothing = chunk(b"tRNS", struct.pack(">H", wide(grey)[0, 0, 0]))
    assert off(by_hand(wide(grey), 0, nothing), np.array([255])) == 0
    nothing = chunk(b"tRNS", struct.pack(">3H", *wide(colour)[0, 0]))
    assert off(by_hand(wide(colour), 2, nothing), np.array([255])) == 0


# ── large texts and profiles ──────────────────────────────────────────────────────────────


def with_text(*texts: tuple[str, str, bool], format: str = "zTXt") -> bytes:
    information = PngInfo()
    for key, text, packed in texts:
        if format == "iTXt":
            information.add_itxt(key, text, zip=packed)
        else:
            information.add_text(key, text, zip=packed)
    return encoded(PICTURE, pnginfo=information)


@pytest.mark.parametrize("content", [
    with_text(("workflow", "x" * 3 * MIB, True)),
    with_text(("workflow", "x" * 3 * MIB, True), format="iTXt"),
    with_text(("workflow", "x" * 3 * MIB, False)),
    with_text(*((f"part {number}", "x" * MIB, True) for number in range(70))),
], ids=["packed", "packed Unicode", "not packed", "many"])  # fmt: skip
def test_large_texts_do_not_stop_a_picture(content: bytes, tmp_path: Path) -> None:
    assert np.array_equal(opened(content), RGB)
    (tmp_path / "a.png").write_bytes(content)
    assert sum(map(len, read_texts(tmp_path / "a.png").values())) <= 64 * MIB
    with pytest.raises(ImageError, match="it is cut off or damaged"):
        decode(content[:-40])


def test_texts_beside_a_large_one_are_read(tmp_path: Path) -> None:
    content = with_text(
        ("workflow", "x" * 3 * MIB, True), ("parameters", "a house", False), ("note", "y", True)
    )
    (tmp_path / "a.png").write_bytes(content)
    assert read_texts(tmp_path / "a.png") == {"parameters": "a house", "note": "y"}


def test_a_text_after_the_pixels_may_be_large_too() -> None:
    whole = encoded(PICTURE)
    text = chunk(b"zTXt", b"workflow\0\0" + zlib.compress(b"x" * 3 * MIB))
    assert np.array_equal(opened(whole[:-12] + text + whole[-12:]), RGB)


def test_a_large_profile_is_honoured() -> None:
    profile = rgb_profile()
    large = profile + np.random.default_rng(0).bytes(2 * MIB)
    large = struct.pack(">I", len(large)) + large[4:]
    small = encoded(PICTURE, icc_profile=profile)
    assert not np.array_equal(opened(small), RGB)
    assert np.array_equal(opened(encoded(PICTURE, icc_profile=large)), opened(small))


def test_a_profile_that_is_a_bomb_is_passed_over() -> None:
    assert np.array_equal(opened(encoded(PICTURE, icc_profile=b"x" * 40 * MIB)), RGB)


def test_a_damaged_text_is_passed_over() -> None:
    for kind, data in ((b"zTXt", b"a\0\0no zlib"), (b"iTXt", b"a\0\1"), (b"tEXt", b""), (b"iTXt", b"")):
        whole = by_hand(RGB, 2, chunk(kind, data))
        assert np.array_equal(opened(whole), RGB), kind


def test_the_own_srgb_profile_of_pillow_changes_nothing() -> None:
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(opened(encoded(PICTURE, icc_profile=own)), RGB)
    assert Image.open(io.BytesIO(encoded(PICTURE, icc_profile=own))).info["icc_profile"] == own
