"""The kinds of picture files, in one table: how their names end, and what decodes them.

Pillow decodes the common ones. The others need a package of their own, which an extra of phosphene installs,
and are decoded as soon as it is there. The kind of a file follows from its bytes, never from its name.
"""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from PIL import Image
from PIL.Image import Image as Picture

from phosphene.errors import ImageError, UnsupportedPicture
from phosphene.extras import missing
from phosphene.images import jxl, raw

# The brands of HEIF files in HEVC (ISO/IEC 23008-12, annexes B and F). AVIF has others.
HEIF = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}


@dataclass(frozen=True, slots=True)
class PictureKind:
    """A kind of picture file. `name` is Pillow's name of the format, and `extra` installs what decodes it."""

    name: str
    endings: tuple[str, ...]
    extra: str = ""
    recognises: Callable[[bytes], bool] = lambda content: False  # files that Pillow alone cannot open
    register: Callable[[], None] = lambda: None  # lets Pillow open such files

    @property
    def is_there(self) -> bool:
        """Whether files of this kind can be decoded here."""
        return not (self.extra and missing(self.extra))

    def require(self) -> None:
        """Raise UnsupportedPicture if files of this kind cannot be decoded here."""
        if not self.is_there:
            what = "a raw photograph" if self.name == raw.NAME else f"a {self.extra.upper()} picture"
            raise UnsupportedPicture(
                f"it is {what}, whose decoder is not installed",
                hint=f"`pip install 'phosphene[{self.extra}]'`",
            )


def _is_heif(content: bytes) -> bool:
    return content[4:8] == b"ftyp" and content[8:12] in HEIF


@cache
def _register_heif() -> None:
    import_module("pillow_heif").register_heif_opener()


@cache
def _register_jxl() -> None:
    plugin: Any = import_module("pillow_jxl.JpegXLImagePlugin")
    plugin.DECODE_THREADS = 0  # every worker of an `add` has one core


KINDS = (
    PictureKind("JPEG", (".jpg", ".jpeg", ".jfif")),
    PictureKind("PNG", (".png",)),
    PictureKind("WEBP", (".webp",)),
    PictureKind("AVIF", (".avif",)),
    PictureKind("GIF", (".gif",)),
    PictureKind("BMP", (".bmp",)),
    PictureKind("TIFF", (".tif", ".tiff")),
    PictureKind("HEIF", (".heic", ".heif", ".hif"), "heic", _is_heif, _register_heif),
    PictureKind(jxl.NAME, (".jxl",), "jxl", jxl.is_jxl, _register_jxl),
    PictureKind(raw.NAME, raw.ENDINGS, "raw", raw.is_raw),
)
FORMATS = tuple(kind.name for kind in KINDS if not kind.extra)


def endings() -> frozenset[str]:
    """How the names of the files end that can be decoded here."""
    return frozenset(ending for kind in KINDS if kind.is_there for ending in kind.endings)


def missing_extras(left_out: Iterable[str]) -> list[str]:
    """The extras that are not installed, and would decode files with some of these endings."""
    wanted = set(left_out)
    return [one.extra for one in KINDS if not one.is_there and not wanted.isdisjoint(one.endings)]


def special(content: bytes) -> PictureKind | None:
    """The kind of a file that needs more than Pillow, or None.

    Raises UnsupportedPicture if its decoder is not installed.
    """
    found = next((kind for kind in KINDS if kind.recognises(content)), None)
    if found is not None:
        found.require()
    return found


def open_special(content: bytes, kind: PictureKind) -> Picture:
    """Open a file that needs more than Pillow. Raises ImageError for a raw photograph, see `raw.develop`."""
    if kind.name == raw.NAME:
        raise ImageError("it is a raw photograph")
    if kind.name == jxl.NAME:
        jxl.check_size(content)
    kind.register()
    try:
        return Image.open(io.BytesIO(content), formats=(kind.name,))
    except RuntimeError as error:  # the decoder of JPEG XL
        raise OSError("the file is damaged") from error
