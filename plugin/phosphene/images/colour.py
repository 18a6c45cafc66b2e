"""Colour conversion: pictures of any mode and with any embedded profile become 8-bit sRGB.

An ICC profile says which colours the numbers of a file stand for. As in browsers, a profile is ignored if it
is damaged or does not fit the mode of the picture, and so is the gamma of a PNG without a profile.
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
# For each colour space of a profile: the mode that is converted from, and the modes that it applies to.
SPACES = {
    "RGB": ("RGB", {"RGB", "RGBA", "RGBX", "P", "PA", "YCbCr"}),
    "GRAY": ("L", {"1", "L", "LA"}),
    "CMYK": ("CMYK", {"CMYK"}),
}
# The sRGB profiles of cameras, phones and editors differ from ours by up to this much, which nobody can see.
SAME = 3  # of 255


def to_rgb(picture: Picture) -> Picture:
    """Convert a loaded picture to 8-bit sRGB. Transparent parts become white."""
    profile = picture.info.get("icc_profile")
    picture = _eight_bits(picture)
    transform = _transform(profile, picture.mode) if isinstance(profile, bytes) else None
    shown = _on_white(picture, transform) if picture.has_transparency_data else _converted(picture, transform)
    shown.info.pop("icc_profile", None)  # it describes the file's numbers, not these
    return shown


def to_layer(picture: Picture) -> Picture:
    """Convert a painted layer to grey. Its alpha channel is dropped if everything is opaque."""
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
    """Convert deeper and rarer modes to one that Pillow converts correctly."""
    if isinstance(picture, TiffImageFile) and tiff.is_grey_by_value(picture):
        return _grey(*tiff.values(picture))
    if picture.mode.startswith("I;16"):
        return _with_transparency(picture, _grey(np.asarray(picture), 65535))
    if picture.mode in ("I", "F"):
        return _grey(np.asarray(picture), None)
    if picture.mode == "LAB":
        return _from_lab(picture)
    nothing = picture.info.get("transparency")
    if picture.mode == "RGB" and isinstance(nothing, tuple) and max(nothing) > 255:
        picture.info["transparency"] = tuple(value >> 8 for value in nothing)  # Pillow keeps the upper byte
    return picture.convert("LA") if picture.mode == "La" else picture


def _grey(values: NDArray[np.generic], white: int | None) -> Picture:
    """Values (height, width) as grey from 0 to `white`, or from darkest to brightest if that is None."""
    scaled = _stretched(values) if white is None else values.astype(np.float32) * (255 / white)
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def _with_transparency(picture: Picture, grey: Picture) -> Picture:
    """The grey of a 16-bit PNG, transparent where it has the value that the file declares transparent."""
    nothing = picture.info.get("transparency")
    if nothing is not None:
        shown = np.asarray(picture) != nothing
        grey.putalpha(Image.fromarray(np.where(shown, 255, 0).astype(np.uint8)))
    return grey


def _stretched(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Stretch values from darkest to brightest to [0, 255], because 32-bit files do not say what is white."""
    finite = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    return np.asarray((finite - low) * (255 / (high - low)) if high > low else np.zeros_like(finite))


def _from_lab(picture: Picture) -> Picture:
    converted = ImageCms.profileToProfile(picture, ImageCms.createProfile("LAB"), SRGB, outputMode="RGB")
    assert converted is not None, "only a change in place returns None"
    return converted


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform from a profile to sRGB for pictures of a mode, or None if nothing has to change.

    The photographs of a camera share one profile. Many threads may use a transform at once.
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
    """Whether a transform hardly changes a grid of colours, so that it can be left out."""
    steps = np.linspace(0, 255, 18).astype(np.uint8)
    samples = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 18, 3)
    before = Image.fromarray(samples).convert(mode)
    after = transform.apply(before)
    change = np.asarray(after, dtype=np.int16) - np.asarray(before.convert("RGB"), dtype=np.int16)
    return bool(np.abs(change).max() <= SAME)
