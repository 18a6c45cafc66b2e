"""A generated picture as a file that says so: with its recipe, and the marks that a model made it.

A PNG holds them in text chunks. JPEG and WebP have none: there the recipe is the EXIF description, the
`parameters` line the EXIF comment, where AUTOMATIC1111's web UI writes it, and the mark XMP.
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
LONGEST_EXIF = 65_533  # bytes: what one segment of a JPEG holds
COMMENT_TAG = 0x9286  # the EXIF tag `UserComment`
UNICODE = b"UNICODE\0"  # says that the comment is UTF-16


def marked(picture: Picture, recipe: Mapping[str, Any], format: str) -> bytes:
    """The picture as a PNG, JPEG or WEBP file, with its recipe and its marks."""
    if format == "PNG":
        return png(picture, texts(recipe), exif=mark())
    file = io.BytesIO()
    picture.save(file, format, quality=QUALITY, exif=_exif(recipe), xmp=XMP.encode())
    return file.getvalue()


def _exif(recipe: Mapping[str, Any]) -> bytes:
    """EXIF with the recipe and the `parameters` line, or without both where a JPEG cannot hold them."""
    exif = Exif()
    exif.load(mark())
    exif[DESCRIPTION_TAG] = f"{KEY}:{json.dumps(recipe)}"
    exif.get_ifd(ExifTags.IFD.Exif)[COMMENT_TAG] = UNICODE + parameters(recipe).encode("utf-16-be")
    described = exif.tobytes()
    return described if len(described) <= LONGEST_EXIF else mark()
