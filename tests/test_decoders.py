"""HEIC, JPEG XL and raw files are decoded where their extras are installed, and named where they are not."""

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from adding import Kept, add_to
from command import lines, run
from described import LIGHTROOM, camera
from phosphene.errors import ImageError, UnsupportedPicture
from phosphene.images import blocks, decode, endings, jxl, missing_extras, open_picture, opened, pixel_limit
from phosphene.images.decoders import KINDS
from phosphene.images.raw import is_raw
from phosphene.metadata import in_picture
from pictures import drawn, encoded, turned
from raws import dng

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's, see `phosphene.images`

HEADS = {"HEIF": "heic", "JXL": "jxl", "raw": "raw"}  # formats and their extras
MODULES = {"heic": "pillow_heif", "jxl": "pillow_jxl", "raw": "rawpy"}


def heic(picture: Pillow.Image, **options: object) -> bytes:
    import pillow_heif

    pillow_heif.register_heif_opener()
    return encoded(picture, "HEIF", quality=95, **options)


def jpeg_xl(picture: Pillow.Image, **options: object) -> bytes:
    import pillow_jxl  # noqa: F401 - it registers itself

    return encoded(picture, "JXL", quality=95, **options)


def bottle() -> Pillow.Image:
    """A picture that is red on the left and blue on the right."""
    picture = Pillow.new("RGB", (64, 32), "red")
    picture.paste("blue", (32, 0, 64, 32))
    return picture


def is_near(found: object, expected: tuple[int, int, int]) -> bool:
    return isinstance(found, tuple) and all(abs(a - b) < 24 for a, b in zip(found, expected, strict=True))


def test_every_ending_belongs_to_one_decoder_and_counts_while_it_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = [ending for kind in KINDS for ending in kind.endings]
    assert len(known) == len(set(known))
    assert endings() == set(known)
    assert missing_extras(known) == []

    for module in MODULES.values():
        monkeypatch.setitem(sys.modules, module, None)
    assert endings() == {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff"}
    assert missing_extras([".mov", ".nef", ".heic"]) == ["heic", "raw"]


@pytest.mark.parametrize("write", [heic, jpeg_xl])
def test_pictures_are_decoded_with_their_colours(write: Callable[[Pillow.Image], bytes]) -> None:
    found = decode(write(bottle()))

    assert (found.width, found.height, found.picture.mode) == (64, 32, "RGB")
    assert is_near(found.picture.getpixel((4, 16)), (255, 0, 0))
    assert is_near(found.picture.getpixel((60, 16)), (0, 0, 255))


def test_a_heic_picture_of_a_telephone_is_upright() -> None:
    exif = camera()
    exif[0x0112] = 6

    picture = open_picture(heic(bottle(), exif=exif.tobytes()))

    assert picture.size == (32, 64)
    assert is_near(picture.getpixel((16, 4)), (255, 0, 0))


def test_exif_does_not_turn_a_jpeg_xl_unless_it_holds_a_jpeg(tmp_path: Path) -> None:
    exif = camera()
    exif[0x0112] = 6
    (tmp_path / "turned.jpg").write_bytes(turned(6))
    with Pillow.open(tmp_path / "turned.jpg") as picture:
        inside = jpeg_xl(picture, lossless_jpeg=True)

    assert open_picture(jpeg_xl(bottle(), exif=exif.tobytes())).size == (64, 32)
    assert open_picture(inside).size == open_picture(turned(6)).size


def test_metadata_are_read_from_heic_and_jpeg_xl_without_decoding() -> None:
    for content in (
        heic(bottle(), exif=camera().tobytes(), xmp=LIGHTROOM.encode()),
        jpeg_xl(bottle(), exif=camera().tobytes()),
    ):
        assert in_picture(content).fields.taken == "2024-05-01T10:30:00Z"
    assert in_picture(dng()).fields.camera == "Acme Box 1"


def test_xmp_is_read_from_a_box_of_jpeg_xl() -> None:
    packet = LIGHTROOM.encode()
    content = jpeg_xl(bottle(), use_container=True) + (len(packet) + 8).to_bytes(4, "big") + b"xml " + packet

    assert in_picture(content).fields.rating == 4


def test_a_raw_photograph_is_developed_and_not_its_preview() -> None:
    found = decode(dng(side=64))

    assert (found.width, found.height, found.picture.size) == (64, 64, (64, 64))
    red, green, blue = found.picture.getpixel((32, 32))  # type: ignore[misc]
    assert red > 200 > green and blue < 100


def test_a_large_raw_photograph_is_developed_at_half_its_size() -> None:
    found = decode(dng(side=800), at_least=256)

    assert (found.width, found.height, found.picture.size) == (800, 800, (400, 400))
    assert decode(dng(side=800), at_least=500).picture.size == (800, 800)


def test_a_plain_tiff_is_no_raw_photograph() -> None:
    assert is_raw(dng())
    assert not is_raw(encoded(drawn(1), "TIFF"))
    assert not is_raw(b"II*\0\xff\xff\xff\xff")


@pytest.mark.parametrize("content", [heic(drawn(1)), jpeg_xl(drawn(1)), dng()], ids=list(HEADS))
def test_a_file_that_is_cut_off_is_refused(content: bytes) -> None:
    for length in (40, len(content) // 2, len(content) - 40):
        with pytest.raises(ImageError, match=r"cut off|no picture in it|does not read"):
            decode(content[:length])


@given(at=st.lists(st.integers(14, 10**6), min_size=1, max_size=4), value=st.integers(0, 255))
@settings(max_examples=60, deadline=None)
def test_a_damaged_file_is_decoded_or_refused(at: list[int], value: int) -> None:
    for whole in (HEIC, JXL, DNG):
        content = bytearray(whole)
        for place in at:
            content[place % len(content)] = value
        with suppress(ImageError):
            decode(bytes(content), at_least=32)
        blocks(bytes(content))


HEIC, JXL, DNG = heic(drawn(1)), jpeg_xl(drawn(1)), dng(32)


@given(width=st.integers(1, 300), height=st.integers(1, 300))
@settings(max_examples=30, deadline=None)
def test_the_header_of_jpeg_xl_tells_the_size(width: int, height: int) -> None:
    assert jxl.size(jpeg_xl(Pillow.new("RGB", (width, height)), effort=1)) == (width, height)


def test_a_jpeg_xl_of_too_many_pixels_is_not_even_opened() -> None:
    side = 2**30 - 1  # a small header of no pixels: not small, 30 bits, the ratio 1:1
    bits = 0 | 3 << 1 | side << 3 | 1 << 33
    content = jxl.CODESTREAM + bits.to_bytes(5, "little") + bytes(20)

    assert jxl.size(content) == (2**30, 2**30)
    with pytest.raises(UnsupportedPicture, match="more than 179 million pixels"):
        decode(content)


def test_nobody_else_opens_a_raw_photograph() -> None:
    with pytest.raises(ImageError, match="raw photograph"):
        opened(dng())


# ── adding ────────────────────────────────────────────────────────────────────────────────────


def test_a_file_without_its_decoder_is_named_and_added_once_that_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {"a.heic": HEIC, "b.jxl": JXL, "c.dng": DNG}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    paths = [tmp_path / name for name in contents]
    with monkeypatch.context() as without:
        for module in MODULES.values():
            without.setitem(sys.modules, module, None)
        added = add_to(tmp_path / "lib", *paths)

    assert [failure.reason for failure in added.failures] == [
        "it is a HEIC picture, whose decoder is not installed: `pip install 'phosphene[heic]'`",
        "it is a JXL picture, whose decoder is not installed: `pip install 'phosphene[jxl]'`",
        "it is a raw photograph, whose decoder is not installed: `pip install 'phosphene[raw]'`",
    ]
    assert (added.added, add_to(tmp_path / "lib", *paths).added) == (0, 3)


def test_a_picture_of_too_many_pixels_is_refused_until_the_limit_is_raised(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, content in {"a.png": encoded(drawn(1)), "b.jxl": JXL, "c.dng": dng(64)}.items():
        (tmp_path / "in" / name).write_bytes(content)
    with pixel_limit(1000):
        added = add_to(tmp_path / "lib", tmp_path / "in")

    reason = "it has more than 0 million pixels: `add --max-pixels` raises the limit"
    assert [failure.reason for failure in added.failures] == [reason] * 3
    with pixel_limit(64 * 64):
        assert add_to(tmp_path / "lib", tmp_path / "in").added == 3
    assert len(list(Kept(tmp_path / "lib").iterate())) == 3


def test_the_command_sets_the_limit(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(encoded(drawn(1)))
    library = tmp_path / "lib"
    result = run("-L", library, "add", tmp_path / "in", "--model", "landscape", "--max-pixels", 1000)
    assert result.exit_code == 1
    assert "more than 0 million pixels" in result.stderr

    [report] = lines("-L", library, "add", tmp_path / "in")
    assert report["added"] == 1
