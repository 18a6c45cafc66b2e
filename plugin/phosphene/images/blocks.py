"""What is embedded in a picture's file beside its pixels: blocks of EXIF, XMP and IPTC, and texts.

Only headers are read, and no pixel is decoded. `phosphene.metadata` knows what the blocks mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from phosphene.errors import ImageError
from phosphene.images.decoding import DAMAGE, opened
from phosphene.images.png import without_pixels
from phosphene.images.tiff import STARTS

XMP_TEXT = "XML:com.adobe.xmp"  # the key of the text chunk that holds XMP in a PNG
IPTC = 0x0404  # the number of IPTC's data among the resources of Photoshop


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks in a file, as they are written there. One that the file does not have is empty."""

    exif: bytes = b""  # a TIFF structure; a TIFF file is one itself
    xmp: bytes = b""
    iptc: bytes = b""
    texts: Mapping[str, str] = field(default_factory=dict)  # the text chunks of a PNG, by their keys


def blocks(content: bytes) -> Blocks:
    """The blocks in the bytes of a picture. A damaged file has none."""
    if content.startswith(STARTS):
        return Blocks(exif=content)  # also most raw files of cameras, which Pillow cannot open
    try:
        with opened(without_pixels(content)) as picture:
            info, is_png = picture.info, picture.format == "PNG"
    except (*DAMAGE, ImageError, Image.DecompressionBombError):
        return Blocks()
    resources = info.get("photoshop")
    return Blocks(
        exif=_bytes(info.get("exif")),
        xmp=_bytes(info.get("xmp", info.get(XMP_TEXT))),
        iptc=_bytes(resources.get(IPTC)) if isinstance(resources, dict) else b"",
        texts={str(key): str(text) for key, text in info.items() if is_png and isinstance(text, str)},
    )


def _bytes(block: Any) -> bytes:
    if isinstance(block, str):
        return block.encode("utf-8", "surrogatepass")
    return block if isinstance(block, bytes) else b""
