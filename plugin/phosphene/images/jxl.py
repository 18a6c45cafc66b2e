"""The header of a JPEG XL file: its size, EXIF and XMP, without decoding a pixel.

Pillow's plugin decodes a file as soon as it is opened, so that its size has to be checked before. A file is a
bare codestream, or boxes as in MP4, of which `jxlc`, or the parts in several `jxlp`, are the codestream.
ISO/IEC 18181-1 describes the size header, and 18181-2 the boxes.
"""

from collections.abc import Iterator
from itertools import islice

from PIL import Image

NAME = "JXL"  # Pillow's, by the plugin
CODESTREAM, CONTAINER = b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"
STREAM, TIFF = (b"jxlc", b"jxlp"), (b"II*\0", b"MM\0*")
HEADER = 12  # bytes of a codestream that hold its size for certain
MOST_BOXES = 1_000  # that are looked at. Encoders write less than ten
RATIOS = ((1, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width to height, by number
LENGTHS = (9, 13, 18, 30)  # bits of a side, by the two bits in front of it


def is_jxl(content: bytes) -> bool:
    """Whether a file is JPEG XL."""
    return content.startswith((CODESTREAM, CONTAINER))


def check_size(content: bytes) -> None:
    """Raise DecompressionBombError as Pillow does, or OSError if the header is cut off."""
    found = size(content)
    if found is None:
        raise OSError("the header is cut off")
    Image._decompression_bomb_check(found)


def size(content: bytes) -> tuple[int, int] | None:
    """The width and the height of the picture, or None if its header is cut off."""
    if content.startswith(CODESTREAM):
        return _size(content)
    parts = (data[4:] if kind == b"jxlp" else data for kind, data in _boxes(content) if kind in STREAM)
    return _size(b"".join(part[:HEADER] for part in islice(parts, HEADER)))  # parts may be very short


def exif(content: bytes) -> bytes:
    """The EXIF of a file. By the standard, four bytes stand in front of it; some programs leave them out."""
    data = _first(content, b"Exif")
    return data if data.startswith(TIFF) else data[4:]


def xmp(content: bytes) -> bytes:
    """The XMP of a file."""
    return _first(content, b"xml ")


def _first(content: bytes, kind: bytes) -> bytes:
    return next((data for found, data in _boxes(content) if found == kind), b"")


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and the data of each box."""
    at = 0
    for _ in range(MOST_BOXES):
        if not content.startswith(CONTAINER) or len(content) < at + 8:
            return
        length, header = int.from_bytes(content[at : at + 4]), 8
        if length == 1:
            length, header = int.from_bytes(content[at + 8 : at + 16]), 16
        end = at + length if length else len(content)
        if end < at + header:
            return
        yield content[at + 4 : at + 8], content[at + header : end]
        at = end


def _size(codestream: bytes) -> tuple[int, int] | None:
    if not codestream.startswith(CODESTREAM) or len(codestream) < HEADER:
        return None
    bits = _Bits(int.from_bytes(codestream[2:HEADER], "little"))
    is_small = bits.take(1)
    height = _side(bits, is_small)
    if ratio := bits.take(3):
        across, down = RATIOS[ratio]
        return height * across // down, height
    return _side(bits, is_small), height


def _side(bits: "_Bits", is_small: int) -> int:
    if is_small:
        return 8 * (bits.take(5) + 1)
    return bits.take(LENGTHS[bits.take(2)]) + 1


class _Bits:
    """Numbers from a row of bits, the lowest first."""

    def __init__(self, value: int) -> None:
        self.value = value

    def take(self, count: int) -> int:
        taken = self.value & ((1 << count) - 1)
        self.value >>= count
        return taken
