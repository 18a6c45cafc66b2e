"""Every file becomes an upright RGB picture, or an ImageError that names the reason."""

import io
import os
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from phosphene.errors import ImageError
from phosphene.images import (
    decode,
    digest,
    image_id,
    open_picture,
    png,
    read,
    read_texts,
    thumbnail,
)
from pictures import cut, drawn, encoded, jpeg, open_to_all, pixel, png_header, quarters, turned

# Pillow warns of much that is an ImageError here; `phosphene.images` turns that off, pytest on again.
pytestmark = pytest.mark.filterwarnings("ignore")

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def corners(content: bytes) -> list[tuple[int, ...]]:
    """The colours of the four quarters of a picture, row by row."""
    pixels = np.asarray(open_picture(content))
    height, width = pixels.shape[:2]
    rows, columns = (height // 4, 3 * height // 4), (width // 4, 3 * width // 4)
    return [tuple(int(value) for value in pixels[row, column]) for row in rows for column in columns]


def near(found: list[tuple[int, ...]], expected: list[tuple[int, ...]], by: int = 3) -> bool:
    return bool(np.abs(np.subtract(found, expected)).max() <= by)


# ── every format and colour mode ──────────────────────────────────────────────────────────


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_every_format_opens_as_rgb(format: str) -> None:
    options = (
        {"lossless": True}
        if format == "WEBP"
        else {"quality": 95, "subsampling": "4:4:4"}
        if format in ("JPEG", "AVIF")
        else {}
    )
    content = encoded(quarters(), format, **options)
    assert open_picture(content).mode == "RGB"
    assert near(corners(content), [RED, GREEN, BLUE, WHITE])


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "YCbCr", "1", "I;16", "I", "F", "LAB"])
def test_every_colour_mode_of_tiff_opens_as_rgb(mode: str) -> None:
    if mode == "I;16":
        picture = Image.fromarray(np.full((5, 7), 40_000, dtype=np.uint16))
    elif mode == "LAB":
        picture = Image.new("LAB", (7, 5), (128, 128, 128))
    else:
        picture = drawn(1, (7, 5)).convert(mode)
    opened = open_picture(encoded(picture, "TIFF"))
    assert (opened.mode, opened.size) == ("RGB", (7, 5))


def test_cmyk_jpeg_keeps_its_colours() -> None:
    assert near(
        corners(encoded(quarters().convert("CMYK"), "JPEG", quality=95)), [RED, GREEN, BLUE, WHITE], by=8
    )


def test_lab_keeps_its_lightness() -> None:
    grey = pixel(open_picture(encoded(Image.new("LAB", (8, 8), (137, 128, 128)), "TIFF")), (4, 4))
    assert near([grey], [(128, 128, 128)], by=4)  # L* = 53.6 is the grey 128 of sRGB


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    pixels = np.asarray(open_picture(encoded(Image.fromarray(ramp), "PNG")))
    assert np.array_equal(pixels[..., 0].ravel(), np.arange(256))


def test_big_endian_sixteen_bits_are_scaled_too() -> None:
    ramp = np.linspace(0, 65535, 256).round().astype(">u2").reshape(16, 16)
    picture = Image.frombytes("I;16B", (16, 16), ramp.tobytes())
    pixels = np.asarray(open_picture(encoded(picture, "TIFF")))
    assert np.array_equal(pixels[..., 0].ravel(), np.arange(256))


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_thirty_two_bits_go_from_darkest_to_brightest(kind: type[np.generic]) -> None:
    values = np.array([[-3, 0], [1, 7]], dtype=kind)
    pixels = np.asarray(open_picture(encoded(Image.fromarray(values), "TIFF")))
    assert pixels[..., 0].tolist() == [[0, 76], [102, 255]]


def test_a_flat_float_picture_is_black_and_nan_is_no_obstacle() -> None:
    flat = open_picture(encoded(Image.fromarray(np.full((3, 3), 5.0, dtype=np.float32)), "TIFF"))
    assert np.asarray(flat).max() == 0
    holes = np.array([[np.nan, np.inf], [0, 1]], dtype=np.float32)
    assert np.asarray(open_picture(encoded(Image.fromarray(holes), "TIFF"))).max() == 255


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_become_white(mode: str) -> None:
    picture = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 4, 8))
    content = encoded(picture.convert(mode), "PNG")
    opened = open_picture(content)
    assert (opened.getpixel((1, 1)), opened.getpixel((6, 6))) == ((0, 0, 0), WHITE)


def test_half_transparent_is_half_white() -> None:
    content = encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 128)), "WEBP", lossless=True)
    assert near([pixel(open_picture(content), (2, 2))], [(127, 127, 127)], by=1)


def test_transparency_as_one_colour_shows_white() -> None:
    grey = encoded(Image.new("L", (4, 4), 9), "PNG", transparency=9)
    colour = encoded(Image.new("RGB", (4, 4), RED), "PNG", transparency=RED)
    assert open_picture(grey).getpixel((0, 0)) == open_picture(colour).getpixel((0, 0)) == WHITE


def test_the_first_frame_of_an_animation_counts() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN, BLUE)]
    for format in ("GIF", "WEBP", "PNG", "TIFF"):
        options = {"lossless": True} if format == "WEBP" else {}
        content = encoded(frames[0], format, save_all=True, append_images=frames[1:], **options)
        assert open_picture(content).getpixel((4, 4)) == RED, format


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3000, 3), (3, 3000)])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_any_size_opens_and_has_a_thumbnail(format: str, size: tuple[int, int]) -> None:
    opened = open_picture(encoded(drawn(1, size), format))
    assert opened.size == size
    small = Image.open(io.BytesIO(thumbnail(opened)))
    assert max(small.size) == min(max(size), 192)


def test_a_camera_file_of_several_pictures_is_its_first(tmp_path: Path) -> None:
    content = encoded(drawn(1, (800, 600)), "MPO", save_all=True, append_images=[drawn(2, (80, 60))])
    assert open_picture(content).size == (800, 600)
    assert open_picture(content, at_least=100).size == (200, 150)


def test_the_name_of_a_file_means_nothing(tmp_path: Path) -> None:
    path = tmp_path / "jpeg.png"
    path.write_bytes(jpeg(1))
    assert open_picture(path).size == (64, 48)


# ── orientation ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_a_picture_upright(orientation: int, format: str) -> None:
    content = turned(orientation, format)
    decoded = decode(content)
    assert (decoded.width, decoded.height) == decoded.picture.size == (64, 48)
    assert near(corners(content), [RED, GREEN, BLUE, WHITE], by=60)  # lossy WebP bleeds most


def test_the_full_size_is_known_of_a_scaled_decode() -> None:
    decoded = decode(turned(6, size=(1600, 1200)), at_least=128)
    assert (decoded.width, decoded.height) == (1600, 1200)
    assert decoded.picture.size == (200, 150)


@pytest.mark.parametrize(
    "exif", [b"", b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0" + b"\xff" * 40]
)
def test_damaged_exif_does_not_spoil_a_picture(exif: bytes) -> None:
    assert open_picture(encoded(drawn(1), "JPEG", exif=exif)).size == (64, 48)


def test_a_wrong_tag_in_exif_does_not_leave_a_picture_on_its_side() -> None:
    """Pillow's own `ImageOps.exif_transpose` writes all tags again, and raises AttributeError here."""
    description = struct.pack(">HHIf", 0x010E, 11, 1, 1.5)  # a float, where a text belongs
    orientation = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    exif = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 2) + description + orientation + bytes(4)
    content = encoded(drawn(1), "JPEG", exif=exif)
    with pytest.raises(AttributeError):
        ImageOps.exif_transpose(Image.open(io.BytesIO(content)))

    assert open_picture(content).size == (48, 64)


# ── scaled decoding ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("at_least", "size"),
    [(None, (1024, 768)), (400, (1024, 768)), (384, (512, 384)), (192, (256, 192)), (1, (128, 96))],
)
def test_a_scaled_jpeg_is_never_smaller_than_asked_for(at_least: int | None, size: tuple[int, int]) -> None:
    assert open_picture(jpeg(1, (1024, 768)), at_least=at_least).size == size


@pytest.mark.parametrize(("size", "scaled"), [((1022, 768), (511, 384)), ((1023, 768), (1023, 768))])
def test_a_jpeg_is_scaled_only_without_a_rest(size: tuple[int, int], scaled: tuple[int, int]) -> None:
    assert open_picture(jpeg(1, size), at_least=100).size == scaled


def test_only_jpeg_is_scaled() -> None:
    assert open_picture(encoded(drawn(1, (512, 384))), at_least=10).size == (512, 384)


# ── refused ───────────────────────────────────────────────────────────────────────────────


def reason(content: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode(content)
    return caught.value.message


def test_no_bytes_are_an_empty_file() -> None:
    assert reason(b"") == "it is empty"


@pytest.mark.parametrize(
    "content", [b"a text", b"%PDF-1.7 ...", b"\0" * 500, b"GIF", encoded(drawn(1), "PPM")]
)
def test_other_files_hold_no_picture(content: bytes) -> None:
    assert reason(content) == "there is no picture in it"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 0.95])
def test_a_file_that_is_cut_off_is_refused(format: str, share: float) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8))
    assert reason(cut(encoded(noise, format), share)) in (
        "it is cut off or damaged",
        "there is no picture in it",
    )


def test_a_cut_off_jpeg_is_refused_when_scaled_too() -> None:
    with pytest.raises(ImageError, match="cut off"):
        decode(cut(jpeg(1, (1024, 768))), at_least=10)


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    assert reason(png_header(20_000, 20_000)) == "it has more than 179 million pixels"


def test_a_large_photograph_is_no_bomb() -> None:
    assert (
        reason(png_header(12_000, 9_000)) == "it is cut off or damaged"
    )  # 108 million pixels; none is there


def test_many_threads_agree_on_bombs() -> None:
    contents = [png_header(20_000, 20_000), jpeg(1)] * 40
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda content: len(content) < 200 or decode(content).width, contents))
    assert found == [True, 64] * 40


@cache
def whole(format: str) -> bytes:
    return encoded(drawn(1, (24, 16)), format)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    st.floats(0, 1),
    st.sampled_from([None, 4]),
)
def test_no_damage_gives_anything_but_a_picture_or_an_image_error(
    format: str, changes: list[tuple[float, int]], share: float, at_least: int | None
) -> None:
    content = bytearray(cut(whole(format), max(share, 0.05)))
    for place, value in changes:
        content[int(place * len(content))] = value
    try:
        assert decode(bytes(content), at_least=at_least).picture.mode == "RGB"
    except ImageError as error:
        assert error.message


# ── files ─────────────────────────────────────────────────────────────────────────────────


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "dangling.jpg").symlink_to("nowhere")
    (tmp_path / "circle.jpg").symlink_to("circle.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    reasons = {
        "gone.jpg": "it does not exist",
        "dangling.jpg": "it is a link to a missing file",
        "circle.jpg": "too many levels of symbolic links",
        "pipe.jpg": "it is not a file",
        ".": "it is a folder",
    }
    for name, expected in reasons.items():
        with pytest.raises(ImageError) as caught:
            read(tmp_path / name)
        assert caught.value.message == expected


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can give up being root")
def test_a_file_of_someone_else_is_permission_denied(tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(jpeg(1))
    path.chmod(0o600)
    code = (
        "import os, sys; from pathlib import Path; from phosphene.images import read\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "try: read(Path(sys.argv[1]))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    open_to_all(tmp_path)
    ended = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert ended.stdout.strip() == "ImageError permission denied"


def test_opening_a_file_names_it_and_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_text("a text")
    with pytest.raises(
        ImageError, match=r"notes\.png` is not a usable picture: there is no picture in it"
    ) as caught:
        open_picture(path)
    assert "jpg, png" in caught.value.hint


def test_the_id_follows_from_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest(tmp_path / "empty") == sha256
    assert image_id(sha256) == "6591ecd6-2374-5788-8f62-0df54d89ad21"


# ── PNG with texts ────────────────────────────────────────────────────────────────────────


def test_texts_of_a_png_come_back(tmp_path: Path) -> None:
    texts = {
        "parameters": "a red house\nSteps: 8, Seed: 1",
        "phosphene": '{"prompt": "a red house"}',
        "title": "снег 雪 🏠",
        "XML:com.adobe.xmp": "<x/>",
    }
    (tmp_path / "made.png").write_bytes(png(quarters(), texts))
    assert read_texts(tmp_path / "made.png") == texts
    assert np.array_equal(np.asarray(open_picture(tmp_path / "made.png")), np.asarray(quarters()))


def test_our_own_text_is_unicode_in_the_file_and_latin_text_is_not() -> None:
    content = png(quarters(), {"phosphene": "{}", "parameters": "a house", "title": "雪"})
    assert b"iTXtphosphene" in content
    assert b"tEXtparameters" in content
    assert b"iTXttitle" in content


def test_half_a_letter_is_no_text_of_a_png() -> None:
    with pytest.raises(UnicodeEncodeError):
        png(drawn(2), {"phosphene": "half a letter: \ud83d"})


def test_other_pictures_hold_no_texts_and_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(jpeg(1))
    assert read_texts(tmp_path / "photo.jpg") == {}
    (tmp_path / "cut.png").write_bytes(cut(png(drawn(1), {"phosphene": "{}"})))
    (tmp_path / "text.png").write_text("a text")
    for name in ("cut.png", "text.png", "gone.png"):
        with pytest.raises(ImageError, match=name):
            read_texts(tmp_path / name)
