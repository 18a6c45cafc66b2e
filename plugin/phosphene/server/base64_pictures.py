"""From the base64 of a picture to the model's input, by the code that `add` uses."""

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
CHUNK = 1 << 18  # bytes of base64 that are decoded at a time, so that other threads run in between
ESCAPE = 6  # bytes that JSON writes for a letter of base64 at most, as in `\u002b`
MAX_SIDE = 65_535  # pixels: no JPEG, WebP or GIF can have more
WIDE = {"I": 4, "F": 4}  # bytes of a sample in modes with more than 2; a conversion takes as much again
MAX_SCANS = 1000  # scans of a progressive JPEG. Cameras and programs write about 10
MAX_SCANNED = 16  # each scan covers all pixels, and all scans may cover this multiple of the allowed pixels
START_OF_SCAN = b"\xff\xda"


def prepare(file: bytes, embedder: Embedder, *, at_least: int) -> Pixels:
    """Decode a picture and bring it to the model's size; `at_least` is passed on to `images.decode`.

    Raises ImageError, whose message is only the reason.
    """
    return embedder.prepare(decode(file, at_least=at_least).picture)


def decode_base64(written: bytes, *, chunk: int = CHUNK) -> bytes:
    """Decode a file: either alphabet, with or without a data URI, line breaks and padding.

    `written` may still have the escapes of JSON. Raises ImageError, whose message is only the reason.
    """
    start = DATA_URI.match(written)
    file, rest, ended = bytearray(), b"", False
    try:
        for piece in _chunks(written, start.end() if start else 0, chunk):
            letters, padding, beyond = piece.translate(URL_SAFE, SPACE).partition(b"=")
            if beyond.strip(b"=") or (ended and letters):
                raise ImageError("it is not base64")
            ended = ended or bool(padding)
            letters = rest + letters
            whole = len(letters) // 4 * 4
            file += base64.b64decode(letters[:whole], validate=True)
            rest = letters[whole:]
        file += base64.b64decode(rest + b"=" * (-len(rest) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError("it is not base64") from error
    return bytes(file)


def check_size(file: bytes, most: int) -> int:
    """Return how many pixels a picture has by its header, or 0 if `decode` will say what is wrong with it.

    Raises ImageError if decoding would take too much memory or time.
    """
    try:
        with opened(file) as picture:
            (width, height), wide, is_jpeg = picture.size, WIDE.get(picture.mode, 1), picture.format == "JPEG"
    except (UnidentifiedImageError, Image.DecompressionBombError, *DAMAGE):
        return 0
    pixels = width * height
    if pixels * wide > most:
        allowed = f"{most / wide / 1e6:g} million {'of this depth ' if wide > 1 else ''}are allowed"
        raise ImageError(f"it has {width}×{height} pixels, and {allowed}")
    if max(width, height) > MAX_SIDE:
        raise ImageError(f"it has {width}×{height} pixels, and a side may have {MAX_SIDE:,}")
    scans = file.count(START_OF_SCAN) if is_jpeg else 1
    if scans > MAX_SCANS or scans * pixels > MAX_SCANNED * most:
        raise ImageError(f"it is a JPEG of {scans:,} scans, which would take too long")
    return pixels * wide


def _chunks(written: bytes, start: int, size: int) -> Iterator[bytes]:
    """Yield the text from `start` on in chunks, without the escapes of JSON."""
    while start < len(written):
        piece = written[start : start + size]
        if b"\\" in piece:
            last = piece.rfind(b"\\", -ESCAPE)  # an escape that may continue in the next chunk
            if last > 0 and start + size < len(written):
                piece = piece[:last]
            start += len(piece)
            yield unescaped(piece).encode()
        else:
            start += len(piece)
            yield piece
