"""The file of a generated picture, with its recipe and with marks which say that a model made it.

A PNG has text chunks for both. JPEG and WebP have no text chunks. There the recipe is the EXIF description,
the mark is XMP, and the `parameters` are the EXIF comment, as in files of AUTOMATIC1111's web UI.
"""

import io
import json
from collections.abc import Mapping
from typing import Any

from PIL import ExifTags
from PIL.Image import Exif
from PIL.Image import Image as Picture

from phosphene.images import DESCRIPTION_TAG, png
from phosphene.outputs import mark
from phosphene.recipes.lineage import KEY, XMP, parameters, texts

QUALITY = 92
MAX_EXIF = 65_533  # bytes, which is what fits into one segment of a JPEG
COMMENT_TAG = 0x9286  # the EXIF tag `UserComment`
UNICODE = b"UNICODE\0"  # the prefix of a comment in UTF-16


def marked(picture: Picture, recipe: Mapping[str, Any], format: str) -> bytes:
    """The bytes of a PNG, JPEG or WEBP file with the picture, its recipe and its marks."""
    if format == "PNG":
        return png(picture, texts(recipe), exif=mark())
    file = io.BytesIO()
    picture.save(file, format, quality=QUALITY, exif=_exif(recipe), xmp=XMP.encode())
    return file.getvalue()


def _exif(recipe: Mapping[str, Any]) -> bytes:
    """EXIF with the recipe and the `parameters`, or without both if they are too long for a JPEG."""
    exif = Exif()
    exif.load(mark())
    exif[DESCRIPTION_TAG] = f"{KEY}:{json.dumps(recipe)}"
    exif.get_ifd(ExifTags.IFD.Exif)[COMMENT_TAG] = UNICODE + parameters(recipe).encode("utf-16-be")
    described = exif.tobytes()
    return described if len(described) <= MAX_EXIF else mark()
