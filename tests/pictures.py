"""Builders of pictures and of awkward files, and an embedder that needs no model."""

import io
import struct
import zlib
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir

import numpy as np
from PIL import Image, ImageSequence
from PIL.Image import Image as Picture
from PIL.Image import Resampling

from phosphene.embedding import Cut, Embedded
from phosphene.images import open_picture
from phosphene.records import Space
from phosphene.vectors import Pixels, Vectors, unit

ORIENTATION = 0x0112  # the EXIF tag


def drawn(seed: int, size: tuple[int, int] = (64, 48)) -> Picture:
    """A smooth picture of many colours, which depends on the seed."""
    grid = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(grid).resize(size, Resampling.BICUBIC)


def encoded(picture: Picture, format: str = "PNG", **options: object) -> bytes:
    """The bytes of a file in that format."""
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def opened(content: bytes) -> Pixels:
    """The pixels (h, w, 3) of a file, as the library sees them."""
    return np.asarray(open_picture(content))


def pixel(picture: Picture, place: tuple[int, int]) -> tuple[int, ...]:
    """The value of each channel at (x, y)."""
    value = picture.getpixel(place)
    assert isinstance(value, tuple)
    return value


def frame_count(animation: Picture) -> int:
    """How many pictures a file holds."""
    return sum(1 for _ in ImageSequence.Iterator(animation))


def jpeg(seed: int, size: tuple[int, int] = (64, 48)) -> bytes:
    """The bytes of a JPEG, which depend on the seed."""
    return encoded(drawn(seed, size), "JPEG", quality=90)


def turned(orientation: int, format: str = "JPEG", size: tuple[int, int] = (64, 48)) -> bytes:
    """A file with an EXIF orientation from 1 to 8. Upright, its picture is `quarters(size)`."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    picture = quarters(size)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    lying = picture.transpose(back[orientation]) if orientation in back else picture
    return encoded(lying, format, exif=exif)


def quarters(size: tuple[int, int] = (64, 48)) -> Picture:
    """A picture with red and green above blue and white, which shows its orientation."""
    colours = np.array([[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]], dtype=np.uint8)
    return Image.fromarray(colours).resize(size, Resampling.NEAREST)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims this size and has no pixels, as a decompression bomb does."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def cut(content: bytes, share: float = 0.5) -> bytes:
    """The beginning of a file."""
    return content[: int(len(content) * share)]


def open_to_all(folder: Path) -> None:
    """Let any user enter a folder of pytest, which belongs to the tester alone."""
    for path in (folder, *folder.parents):
        if path.is_relative_to(gettempdir()) and path != Path(gettempdir()):
            path.chmod(0o755)


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


class Colours:
    """A small embedder. The vector of a picture is its pixels at 6×6, and that of a text its digest."""

    space = Space("colours:6x6", "colours", 108)

    def texts(self, texts: Sequence[str]) -> Vectors:
        seeds = [int.from_bytes(sha256(text.encode()).digest()[:8]) for text in texts]
        return unit(np.stack([np.random.default_rng(seed).normal(size=108) for seed in seeds]))

    def cut(self, text: str) -> Cut | None:
        return None

    def prepare(self, picture: Picture) -> Pixels:
        return np.asarray(picture.resize((6, 6), Resampling.BOX))

    def pictures(self, prepared: Sequence[Pixels]) -> Embedded:
        raw = np.stack(prepared).reshape(len(prepared), -1).astype(np.float32) + 1.0
        return Embedded(unit(raw), np.linalg.norm(raw, axis=1))
