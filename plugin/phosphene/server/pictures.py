"""A picture from its base64 to what the model takes, on exactly the way that `add` goes."""

import base64
import binascii
import io
import re

from PIL import Image, UnidentifiedImageError

from phosphene.embedding import Embedder
from phosphene.errors import ImageError
from phosphene.images import DAMAGE, FORMATS, decode
from phosphene.vectors import Pixels

DATA_URI = re.compile(r"data:[^,]{0,200}?;base64,", re.IGNORECASE)
URL_SAFE = str.maketrans("-_", "+/")


def prepared(text: str, embedder: Embedder, *, at_least: int, at_most: int) -> Pixels:
    """A picture in base64 at the model's size.

    `at_least` is what `images.decode` takes, `at_most` how many pixels the whole picture may have.
    Raises ImageError, with only the reason as its message.
    """
    file = content(text)
    check_size(file, at_most)
    return embedder.prepare(decode(file, at_least=at_least).picture)


def content(text: str) -> bytes:
    """The bytes of a file in base64: either alphabet, a data URI, line breaks, padded or not."""
    start = DATA_URI.match(text)
    written = "".join(text[start.end() if start else 0 :].split()).translate(URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(written + "=" * (-len(written) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError("no base64") from error


def check_size(file: bytes, most: int) -> None:
    """Look at a picture's header, before any memory is taken. Of what has none, `decode` says why."""
    try:
        with Image.open(io.BytesIO(file), formats=FORMATS) as picture:
            width, height = picture.size
    except (UnidentifiedImageError, Image.DecompressionBombError, *DAMAGE):
        return
    if width * height > most:
        raise ImageError(f"{width}×{height} pixels; {most / 1e6:g} million are allowed")
