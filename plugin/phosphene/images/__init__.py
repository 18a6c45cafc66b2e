"""Pictures and their files: decoding, resizing, and writing PNG files with texts.

Every file becomes an upright picture in 8-bit sRGB, or an ImageError that names the reason.
"""

from phosphene.images.blocks import DESCRIPTION, DESCRIPTION_TAG, Blocks, blocks, read_texts, texts_in
from phosphene.images.decoders import FORMATS, endings, missing_extras
from phosphene.images.decoding import (
    DAMAGE,
    Decoded,
    decode,
    open_mask,
    open_picture,
    opened,
    pixel_limit,
    small_picture,
)
from phosphene.images.png import png
from phosphene.images.reading import File, digest, image_id, read
from phosphene.images.sizes import THUMBNAIL, middle, no_picture, resized, thumbnail

__all__ = [
    "DAMAGE",
    "DESCRIPTION",
    "DESCRIPTION_TAG",
    "FORMATS",
    "THUMBNAIL",
    "Blocks",
    "Decoded",
    "File",
    "blocks",
    "decode",
    "digest",
    "endings",
    "image_id",
    "middle",
    "missing_extras",
    "no_picture",
    "open_mask",
    "open_picture",
    "opened",
    "pixel_limit",
    "png",
    "read",
    "read_texts",
    "resized",
    "small_picture",
    "texts_in",
    "thumbnail",
]
