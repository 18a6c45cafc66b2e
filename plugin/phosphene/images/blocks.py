"""What is embedded in a picture's file beside its pixels: blocks of EXIF, XMP and IPTC, and texts.

Only headers are read, and no pixel is decoded. `phosphene.metadata` knows what the blocks mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from phosphene.errors import ImageError
from phosphene.images import jxl
from phosphene.images.decoding import DAMAGE, decode, naming_file, opened
from phosphene.images.png import without_pixels
from phosphene.images.reading import read
from phosphene.images.tiff import STARTS

XMP_TEXT = "XML:com.adobe.xmp"  # the key of the text chunk that holds XMP in a PNG
DESCRIPTION, DESCRIPTION_TAG = "ImageDescription", 0x010E  # of EXIF
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
    if jxl.is_jxl(content):  # its decoder would decode the pixels
        return Blocks(exif=jxl.exif(content), xmp=jxl.xmp(content))
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


def read_texts(path: Path) -> dict[str, str]:
    """The texts in a picture file: the text chunks of a PNG, or the EXIF description of another format.

    Raises ImageError as `open_picture` does.
    """
    with naming_file(path):
        content = read(path).content
        decode(content)
        return texts_in(content)


def texts_in(content: bytes) -> dict[str, str]:
    """The texts in the bytes of a picture, by their keys. It decodes no pixels."""
    found = blocks(content)
    if found.texts:
        return dict(found.texts)
    exif = Image.Exif()
    try:
        exif.load(found.exif)
    except DAMAGE:
        return {}  # the EXIF data is damaged, and the pixels may be fine
    description = exif.get(DESCRIPTION_TAG)
    return {DESCRIPTION: str(description)} if description else {}


def _bytes(block: Any) -> bytes:
    if isinstance(block, str):
        return block.encode("utf-8", "surrogatepass")
    return block if isinstance(block, bytes) else b""
