"""The figures of a page: pictures and films that are encoded for HTML."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image
from PIL.Image import Image as Picture
from PIL.Image import Resampling


@dataclass(frozen=True, slots=True)
class Figure:
    """An encoded picture or film with its caption."""

    data: bytes
    mime: str
    size: tuple[int, int]  # width, height
    caption: str = ""
    alt: str = ""  # the alternative text; if empty, the caption is used
    score: float | None = None
    mark: bool = False  # whether it was generated
    wide: bool = False  # whether it takes the whole width of the page
    still: bytes = b""  # the still of a film as WebP


def figure(
    picture: Picture,
    caption: str = "",
    *,
    side: int = 512,
    alt: str = "",
    score: float | None = None,
    mark: bool = False,
    wide: bool = False,
) -> Figure:
    """A picture as WebP. Its longer side has at most `side` pixels."""
    shown = picture.convert("RGB")
    shown.thumbnail((side, side), Resampling.LANCZOS)
    return Figure(_webp(shown), "image/webp", shown.size, caption, alt, score, mark, wide)


def film(path: Path, caption: str = "", *, alt: str = "", mark: bool = False, wide: bool = False) -> Figure:
    """An animation from a file. Its last frame is the still."""
    with Image.open(path) as animation:
        mime, size = Image.MIME[animation.format or "WEBP"], animation.size
        animation.seek(getattr(animation, "n_frames", 1) - 1)
        still = _webp(animation.convert("RGB"))
    return Figure(path.read_bytes(), mime, size, caption, alt, None, mark, wide, still)


def _webp(picture: Picture) -> bytes:
    content = BytesIO()
    picture.save(content, "WEBP", quality=84, method=4)
    return content.getvalue()
