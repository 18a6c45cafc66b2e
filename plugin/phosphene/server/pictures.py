"""A picture from its base64 to what the model takes, on exactly the way that `add` goes."""

import base64
import binascii
import re
from collections.abc import Iterator

from PIL import Image, UnidentifiedImageError

from phosphene.embedding import Embedder
from phosphene.errors import ImageError
from phosphene.images import DAMAGE, decode, opened
from phosphene.server.outline import unescaped
from phosphene.vectors import Pixels

DATA_URI = re.compile(rb"data:[^,]{0,200}?;base64,", re.IGNORECASE)
URL_SAFE = bytes.maketrans(b"-_", b"+/")
SPACE = b" \t\r\n"
PIECE = 1 << 18  # bytes of base64 that are decoded at a time, so that Python runs other threads in between
ESCAPE = 6  # bytes that JSON writes for a letter of base64 at most, as `\u002b`
SIDE = 65_535  # pixels: no JPEG, WebP or GIF can have more
WIDE = {"I": 4, "F": 4}  # bytes of a sample, where it is not 1 or 2; making them 8 bits takes as much again
SCANS = 1000  # of a progressive JPEG; cameras and programs write about 10. Each passes over all pixels,
SCANNED = 16  # and so many times the pixels that are allowed may be passed over
START_OF_SCAN = b"\xff\xda"


def prepared(file: bytes, embedder: Embedder, *, at_least: int) -> Pixels:
    """The picture in a file at the model's size; `at_least` is what `images.decode` takes.

    Raises ImageError, with only the reason as its message.
    """
    return embedder.prepare(decode(file, at_least=at_least).picture)


def content(written: bytes) -> bytes:
    """The bytes of a file in base64: either alphabet, a data URI, line breaks, padded or not.

    What JSON escapes is still escaped. Raises ImageError, with only the reason as its message.
    """
    start = DATA_URI.match(written)
    file, rest, ended = bytearray(), b"", False
    try:
        for piece in _pieces(written, start.end() if start else 0):
            letters, padding, beyond = piece.translate(URL_SAFE, SPACE).partition(b"=")
            if beyond.strip(b"=") or (ended and letters):
                raise ImageError("no base64")
            ended = ended or bool(padding)
            letters = rest + letters
            whole = len(letters) // 4 * 4
            file += base64.b64decode(letters[:whole], validate=True)
            rest = letters[whole:]
        file += base64.b64decode(rest + b"=" * (-len(rest) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError("no base64") from error
    return bytes(file)


def check_size(file: bytes, most: int) -> int:
    """How many pixels a picture has, by its header; 0 where `decode` will say what is wrong with it.

    Raises ImageError where decoding would take too much memory or time.
    """
    try:
        with opened(file) as picture:
            (width, height), wide, is_jpeg = picture.size, WIDE.get(picture.mode, 1), picture.format == "JPEG"
    except (UnidentifiedImageError, Image.DecompressionBombError, *DAMAGE):
        return 0
    pixels = width * height
    if pixels * wide > most:
        allowed = f"{most / wide / 1e6:g} million {'of this depth ' if wide > 1 else ''}are allowed"
        raise ImageError(f"{width}×{height} pixels; {allowed}")
    if max(width, height) > SIDE:
        raise ImageError(f"{width}×{height} pixels; a side may have {SIDE:,}")
    scans = file.count(START_OF_SCAN) if is_jpeg else 1
    if scans > SCANS or scans * pixels > SCANNED * most:
        raise ImageError(f"a JPEG of {scans:,} scans, which would take too long")
    return pixels * wide


def _pieces(written: bytes, start: int) -> Iterator[bytes]:
    """The text from `start` on, piece by piece, without JSON's escapes."""
    while start < len(written):
        piece = written[start : start + PIECE]
        if b"\\" in piece:
            last = piece.rfind(b"\\", -ESCAPE)  # an escape that may go on in the next piece
            if last > 0 and start + PIECE < len(written):
                piece = piece[:last]
            start += len(piece)
            yield unescaped(piece).encode()
        else:
            start += len(piece)
            yield piece
