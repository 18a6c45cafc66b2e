"""Colours as they were meant: any mode, with any embedded profile, as 8-bit sRGB.

An ICC profile says what the numbers of a file look like. One that is damaged, or that describes other
numbers than the file has, is ignored, as browsers do; so is the gamma of a PNG without a profile.
"""

import io
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.Image import Image as Picture
from PIL.TiffImagePlugin import TiffImageFile

from phosphene.images import tiff

SRGB = ImageCms.createProfile("sRGB")
# Of each space that a profile may describe: the mode that is converted, and the modes that lead to it.
SPACES = {
    "RGB": ("RGB", {"RGB", "RGBA", "RGBX", "P", "PA", "YCbCr"}),
    "GRAY": ("L", {"1", "L", "LA"}),
    "CMYK": ("CMYK", {"CMYK"}),
}
# sRGB profiles of cameras, phones and editors differ from ours by so much, and no eye sees that.
SAME = 3  # of 255


def to_rgb(picture: Picture) -> Picture:
    """A loaded picture as 8-bit sRGB; what is transparent shows white."""
    profile = picture.info.get("icc_profile")
    picture = _eight_bits(picture)
    transform = _transform(profile, picture.mode) if isinstance(profile, bytes) else None
    shown = _on_white(picture, transform) if picture.has_transparency_data else _converted(picture, transform)
    shown.info.pop("icc_profile", None)  # it describes the file's numbers, not these
    return shown


def to_layer(picture: Picture) -> Picture:
    """A layer that was painted, in grey; its alpha channel is dropped where it is opaque everywhere."""
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        if layer.getchannel("A").getextrema() != (255, 255):
            return layer.convert("LA")
    return to_rgb(picture).convert("L")


def _on_white(picture: Picture, transform: ImageCms.ImageCmsTransform | None) -> Picture:
    covered = picture.convert("RGBA")
    white = Image.new("RGB", picture.size, "white")
    white.paste(_converted(covered, transform), mask=covered.getchannel("A"))
    return white


def _converted(picture: Picture, transform: ImageCms.ImageCmsTransform | None) -> Picture:
    if transform is None:
        return picture.convert("RGB")
    return transform.apply(picture.convert(transform.input_mode))


def _eight_bits(picture: Picture) -> Picture:
    """Deeper and rarer modes as one of those that Pillow converts rightly."""
    if isinstance(picture, TiffImageFile) and tiff.is_grey_by_value(picture):
        return _grey(*tiff.values(picture))
    if picture.mode.startswith("I;16"):
        return _with_nothing_clear(picture, _grey(np.asarray(picture), 65535))
    if picture.mode in ("I", "F"):
        return _grey(np.asarray(picture), None)
    if picture.mode == "LAB":
        return _from_lab(picture)
    nothing = picture.info.get("transparency")
    if picture.mode == "RGB" and isinstance(nothing, tuple) and max(nothing) > 255:
        picture.info["transparency"] = tuple(value >> 8 for value in nothing)  # Pillow keeps the upper byte
    return picture.convert("LA") if picture.mode == "La" else picture


def _grey(values: NDArray[np.generic], white: int | None) -> Picture:
    """Values (height, width) as grey, from 0 to `white`; without one, from the darkest to the brightest."""
    scaled = _stretched(values) if white is None else values.astype(np.float32) * (255 / white)
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def _with_nothing_clear(picture: Picture, grey: Picture) -> Picture:
    """The grey of a PNG of 16 bits, clear where it has the value that stands for nothing."""
    nothing = picture.info.get("transparency")
    if nothing is not None:
        shown = np.asarray(picture) != nothing
        grey.putalpha(Image.fromarray(np.where(shown, 255, 0).astype(np.uint8)))
    return grey


def _stretched(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Values as [0, 255] from darkest to brightest: files of 32 bits agree on no white."""
    finite = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    return np.asarray((finite - low) * (255 / (high - low)) if high > low else np.zeros_like(finite))


def _from_lab(picture: Picture) -> Picture:
    converted = ImageCms.profileToProfile(picture, ImageCms.createProfile("LAB"), SRGB, outputMode="RGB")
    assert converted is not None, "only a change in place returns None"
    return converted


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a profile to sRGB, for pictures of that mode; None where nothing is to be changed.

    Photographs of one camera share one profile; a transform may be applied by many threads at once.
    """
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        taken, modes = SPACES.get(given.profile.xcolor_space.strip(), ("", set()))
        if mode not in modes:
            return None
        intent = ImageCms.Intent.PERCEPTUAL
        transform = ImageCms.buildTransform(given, SRGB, taken, "RGB", renderingIntent=intent)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return None if taken != "CMYK" and _is_srgb(transform, taken) else transform


def _is_srgb(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a transform leaves all of these colours as they are: then pictures are left alone."""
    steps = np.linspace(0, 255, 18).astype(np.uint8)
    samples = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 18, 3)
    before = Image.fromarray(samples).convert(mode)
    after = transform.apply(before)
    change = np.asarray(after, dtype=np.int16) - np.asarray(before.convert("RGB"), dtype=np.int16)
    return bool(np.abs(change).max() <= SAME)
