"""Embedded colour profiles are applied, and profiles that do not fit the picture are ignored."""

import io
import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.Image import Image as Picture

from phosphene.images import open_picture, png, thumbnail
from pictures import drawn, encoded, opened, pixel, turned
from profiles import PROPHOTO, SRGB_LIKE, cmyk_profile, grey_profile, rgb_profile

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's, see `phosphene.images`

SRGB = ImageCms.createProfile("sRGB")


def as_in(profile: bytes, picture: Picture, mode: str = "RGB") -> Picture:
    """Convert a picture to another profile, in which it looks the same."""
    other = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    converted = ImageCms.profileToProfile(picture.convert("RGB"), SRGB, other, outputMode=mode)
    assert converted is not None
    converted.info.clear()  # Pillow would embed the profile again
    return converted


def difference(content: bytes, picture: Picture) -> float:
    """The mean difference between a decoded file and its picture, out of 255."""
    found, expected = (np.asarray(one, dtype=np.int16) for one in (open_picture(content), picture))
    return float(np.abs(found - expected).mean())


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_wide_colour_space_is_converted(format: str) -> None:
    picture, profile = drawn(3), rgb_profile(PROPHOTO)
    options = {"lossless": True} if format == "WEBP" else {"quality": 95} if format == "JPEG" else {}
    wide = as_in(profile, picture)
    assert difference(encoded(wide, format, **options), picture) > 15  # the colours are much paler without
    assert difference(encoded(wide, format, icc_profile=profile, **options), picture) < 3.5


def test_transparent_and_indexed_pictures_have_profiles_too() -> None:
    picture, profile = drawn(4), rgb_profile(PROPHOTO)
    wide = as_in(profile, picture)
    wide.putalpha(255)
    wide.paste((0, 0, 0, 0), (0, 0, 10, 10))
    expected = picture.copy()
    expected.paste("white", (0, 0, 10, 10))
    assert difference(encoded(wide, icc_profile=profile), expected) < 2.5
    few = wide.convert("RGB").quantize(16, dither=Image.Dither.NONE)
    assert difference(encoded(few, icc_profile=profile), picture) < difference(encoded(few), picture)
    alike = opened(encoded(few.convert("RGB"), icc_profile=profile))
    assert np.array_equal(opened(encoded(few, icc_profile=profile)), alike)


def test_grey_has_profiles_too() -> None:
    grey, profile = drawn(5).convert("L"), grey_profile(1.0)
    linear = as_in(profile, grey, "L")
    assert difference(encoded(linear), grey.convert("RGB")) > 15
    assert difference(encoded(linear, icc_profile=profile), grey.convert("RGB")) < 2.5
    veiled = Image.merge("LA", (linear, Image.new("L", linear.size, 255)))
    assert difference(encoded(veiled, icc_profile=profile), grey.convert("RGB")) < 2.5


def test_grey_of_sixteen_bits_has_profiles_too() -> None:
    grey, profile = drawn(5).convert("L"), grey_profile(1.0)
    deep = Image.fromarray(np.asarray(as_in(profile, grey, "L")).astype(np.uint16) * 257)
    assert difference(encoded(deep, "TIFF", icc_profile=profile), grey.convert("RGB")) < 2.5


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_inks_are_printed_as_their_profile_says(format: str) -> None:
    """The profile of a strange press that prints black ink as white and yellow ink as green."""
    labs = [(100.0, 0.0, 0.0)] * 16
    for number, (cyan, magenta, yellow, _) in enumerate(itertools.product((0, 1), repeat=4)):
        if yellow:
            labs[number] = (0.0, 0.0, 0.0) if cyan and magenta else (46.0, -52.0, 50.0)  # black or green
    profile = cmyk_profile(labs)
    options = {"quality": 95} if format == "JPEG" else {}
    black_ink = encoded(Image.new("CMYK", (16, 16), (0, 0, 0, 255)), format, icc_profile=profile, **options)
    yellow_ink = encoded(Image.new("CMYK", (16, 16), (0, 0, 255, 0)), format, icc_profile=profile, **options)
    assert min(pixel(open_picture(black_ink), (8, 8))) > 245
    red, green, blue = pixel(open_picture(yellow_ink), (8, 8))
    assert green > red + 60
    assert green > blue + 60


def test_pictures_in_srgb_are_left_alone_bit_for_bit() -> None:
    picture = drawn(6)
    slightly_other = rgb_profile(SRGB_LIKE, gamma=2.2)  # its dark tones differ by more than rounding does
    own = ImageCms.ImageCmsProfile(SRGB).tobytes()
    for mode in ("RGB", "RGBA", "P"):
        content = encoded(picture.convert(mode), icc_profile=own)
        assert np.array_equal(opened(content), opened(encoded(picture.convert(mode))))
    assert difference(encoded(picture, icc_profile=slightly_other), picture) < 5


@pytest.mark.parametrize("profile", [
    b"no profile", b"\0" * 200, rgb_profile()[:150], rgb_profile()[:250], rgb_profile()[:128] + b"\xff" * 400,
    grey_profile(), cmyk_profile([(50, 0, 0)] * 16),
])  # fmt: skip
def test_a_profile_that_does_not_fit_the_picture_is_ignored(profile: bytes) -> None:
    picture = drawn(7)
    for format in ("PNG", "JPEG", "TIFF"):
        content = encoded(picture, format, icc_profile=profile)
        assert np.array_equal(opened(content), opened(encoded(picture, format)))


def test_a_profile_does_not_stop_a_picture_from_being_turned_or_scaled() -> None:
    profile = rgb_profile(PROPHOTO)
    with Image.open(io.BytesIO(turned(6, size=(1600, 1200)))) as lying:
        content = encoded(lying, "JPEG", exif=lying.getexif(), icc_profile=profile)
    assert open_picture(content, at_least=128).size == (200, 150)
    red, _, blue = pixel(open_picture(content, at_least=128), (10, 10))
    assert red > 200 > blue


def test_a_converted_picture_is_saved_without_the_profile() -> None:
    picture = open_picture(encoded(drawn(8), icc_profile=rgb_profile()))
    for content in (png(picture, {}), thumbnail(picture)):
        assert "icc_profile" not in Image.open(io.BytesIO(content)).info


def test_threads_share_profiles() -> None:
    contents = [
        encoded(drawn(seed, (200, 150)), icc_profile=rgb_profile(gamma=1.5 + seed % 3 / 4))
        for seed in range(24)
    ]
    alone = [opened(content) for content in contents]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(opened, contents))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))
