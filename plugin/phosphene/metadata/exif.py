"""EXIF: what cameras write into photographs, and what some generators hide there.

The tags are those of Exif 3.0 (CIPA DC-008-2023), and `Rating` and `XPKeywords` those of Microsoft Windows
(https://exiftool.org/TagNames/EXIF.html).
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from PIL.ExifTags import IFD, Base
from PIL.Image import Exif

from phosphene.images import DAMAGE
from phosphene.metadata.merging import Metadata
from phosphene.metadata.values import checked, moment, name, text
from phosphene.recipes.lineage import KEY

XMP, IPTC = 700, 33723  # the tags of a TIFF file that hold the other blocks (Adobe, TIFF tech notes)
CODES = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16", b"JIS\0\0\0\0\0": "shift_jis"}  # of a comment
# What cameras write where people write a description
NO_DESCRIPTION = re.compile(r".*digital camera\s*|.*\bDSC\s*|exif_jpeg_picture|default|untitled|.*\\.*", re.I)
# Parts of the names of companies that no model's name contains
COMPANY = re.compile(
    r"[\s,]+(corporation|corp\.?|co\.?,? ?ltd\.?|company|inc\.?|imaging|optical|gmbh)(?=[\s,]|$)", re.I
)
DIGITS = 7  # of a degree behind the point: a centimetre
HIDDEN = ("prompt", "workflow")  # the keys of the JSON that ComfyUI writes into EXIF, as `prompt:{…}`


def tags(block: bytes) -> Exif:
    """The tags of an EXIF block, or of a whole TIFF file. There are none if it is damaged."""
    exif = Exif()
    try:
        exif.load(block)
        for part in (IFD.Exif, IFD.GPSInfo):
            exif.get_ifd(part)
    except DAMAGE:
        return Exif()
    return exif


def block(exif: Exif, tag: int) -> bytes:
    """The block of another format in a tag of a TIFF file."""
    found = exif.get(tag)
    return found if isinstance(found, bytes) else b""


def metadata(exif: Exif) -> Metadata:
    """What a camera and Windows write."""
    camera, place = exif.get_ifd(IFD.Exif), exif.get_ifd(IFD.GPSInfo)
    fields = checked(
        {
            "taken": _taken(camera),
            "camera": camera_name(_unicode(exif.get(Base.Make)), _unicode(exif.get(Base.Model))),
            "latitude": _degrees(place.get(2), place.get(1), "S"),
            "longitude": _degrees(place.get(4), place.get(3), "W"),
            "rating": exif.get(Base.Rating),
            "keywords": _utf16(exif.get(Base.XPKeywords)),
        }
    )
    caption = description(_unicode(exif.get(Base.ImageDescription)))
    return Metadata(fields, (caption,) if caption else ())


def texts(exif: Exif) -> dict[str, str]:
    """The texts of generators, by the keys that they have in a PNG.

    AUTOMATIC1111's web UI writes its `parameters` as the comment of JPEG, WebP and AVIF files, and ComfyUI
    writes `prompt:{…}` and `workflow:{…}` in the place of a WebP's maker and model.
    """
    found = {"parameters": _comment(exif.get_ifd(IFD.Exif).get(Base.UserComment))}
    for tag in (Base.Make, Base.Model):
        key, _, value = (_unicode(exif.get(tag)) or "").partition(":")
        if key in HIDDEN:
            found[key] = value
    return {key: value for key, value in found.items() if value}


def camera_name(maker: object, model: object) -> str | None:
    """`Canon EOS R5`, `Apple iPhone 15`: the maker and the model, and the maker only once."""
    made_by, called = name(maker), name(model)
    if any(each and each.startswith(tuple(f"{key}:" for key in HIDDEN)) for each in (made_by, called)):
        return None
    made_by = COMPANY.sub("", made_by) if made_by else None
    if not made_by or not called or made_by.split()[0].casefold() in called.casefold():
        return called or made_by
    return f"{made_by} {called}"


def description(value: object) -> str | None:
    """A description that a person may have written, or None."""
    said = text(value)
    is_ours = said is not None and said.startswith(f"{KEY}:")  # the recipe of a JPEG or WebP of phosphene
    return None if not said or is_ours or NO_DESCRIPTION.fullmatch(said) else " ".join(said.split())


def _taken(camera: Mapping[int, Any]) -> str | None:
    """The time of the exposure, or else of the scan. The tag `DateTime` has that of the last change."""
    original = moment(camera.get(Base.DateTimeOriginal), camera.get(Base.OffsetTimeOriginal))
    return original or moment(camera.get(Base.DateTimeDigitized), camera.get(Base.OffsetTimeDigitized))


def _degrees(value: Any, side: object, negative: str) -> float | None:
    """Degrees, minutes and seconds as one number, negative in the south and in the west."""
    if not isinstance(value, tuple) or len(value) != 3:
        return None
    try:
        degrees, minutes, seconds = map(float, value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    whole = degrees + minutes / 60 + (0.0 if math.isnan(seconds) else seconds / 3600)
    whole = round(whole, DIGITS)
    return -whole if str(side).strip("\0 ").upper() == negative else whole


def _comment(value: object) -> str:
    """The text of `UserComment`, whose first eight bytes name its encoding."""
    if not isinstance(value, bytes):
        return ""
    encoding, content = (
        CODES.get(value[:8], "utf-8"),
        value[8:] if value[:8] in CODES else value.lstrip(b"\0"),
    )
    if encoding == "utf-16":  # the standard does not say in which order; most letters have a zero in front
        encoding = "utf-16-be" if content[::2].count(0) > content[1::2].count(0) else "utf-16-le"
    return content.decode(encoding, "replace").strip("\0\ufeff ")


def _utf16(value: object) -> str | None:
    return value.decode("utf-16-le", "replace").strip("\0") if isinstance(value, bytes) else None


def _unicode(value: object) -> str | None:
    """A text that Pillow has read as Latin-1, as most programs write it: in UTF-8."""
    if not isinstance(value, str):
        return None
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
