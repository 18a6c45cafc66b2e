"""The canvas of a drawing. It takes fitted pictures with round corners, lines, dots and badges."""

from collections.abc import Sequence
from functools import lru_cache
from math import ceil, floor

from PIL import Image, ImageDraw
from PIL.Image import Image as Picture
from PIL.Image import Resampling

from phosphene.images import resized
from phosphene.images.sizes import Box as Box
from phosphene.render.colours import CARD, GLOW, ROOM, Paint
from phosphene.render.fonts import width, write

FINE = 4  # round shapes are drawn this many times larger and then shrunk, as Pillow's have jagged edges
SMOOTH = 3  # the same factor for lines and dots, which may cover a whole canvas and take more memory
BADGE = "generated"

Position = tuple[float, float]  # x, y in pixels


def blank(width: int, height: int) -> Picture:
    """A dark canvas."""
    return Image.new("RGB", (width, height), ROOM)


def fitted_size(size: tuple[int, int], room: tuple[int, int]) -> tuple[int, int]:
    """The largest width and height with these proportions that fit the room. Each is at least 1."""
    scale = min(room[0] / size[0], room[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def fitted(picture: Picture, room: tuple[int, int]) -> Picture:
    """The whole picture, enlarged or shrunk to fit the room."""
    return resized(picture.convert("RGB"), fitted_size(picture.size, room), Resampling.LANCZOS)


def enlarged(picture: Picture, side: int) -> Picture:
    """The picture, enlarged or shrunk until its longer side has `side` pixels."""
    return resized(picture, fitted_size(picture.size, (side, side)), Resampling.BICUBIC)


def place(canvas: Picture, picture: Picture, box: Box, *, radius: int, card: bool = True) -> None:
    """Draw a picture in the middle of a box. With `card`, the rest of the box gets the colour of a card."""
    left, top, right, bottom = box
    shown = fitted(picture, (right - left, bottom - top))
    if card and shown.size != (right - left, bottom - top):
        slab(canvas, box, CARD, radius)
    x = left + (right - left - shown.width) // 2
    y = top + (bottom - top - shown.height) // 2
    canvas.paste(shown, (x, y), _rounded(shown.size, min(radius, min(shown.size) // 2)))


def slab(canvas: Picture, box: Box, colour: Paint, radius: int) -> None:
    """Fill a box with round corners."""
    left, top, right, bottom = box
    canvas.paste(colour, box, _rounded((right - left, bottom - top), radius))


def frame(canvas: Picture, box: Box, *, radius: int, thick: int) -> None:
    """Draw the frame of a generated picture, a little outside of a box with round corners."""
    left, top, right, bottom = box
    outer = (left - thick - 1, top - thick - 1, right + thick + 1, bottom + thick + 1)
    size = (outer[2] - outer[0], outer[3] - outer[1])
    canvas.paste(GLOW, outer, _rounded(size, radius + thick + 1, thick))


def badge(canvas: Picture, corner: tuple[int, int], size: int) -> int:
    """Draw the badge of a generated picture in letters of `size` pixels, and return the badge's width."""
    x, y = corner
    wide, high = round(width(BADGE, size)) + size, round(size * 1.6)
    slab(canvas, (x, y, x + wide, y + high), GLOW, high // 2)
    write(canvas, (x + wide / 2, y + high * 0.71), BADGE, size, ROOM, "middle")
    return wide


def strokes(
    canvas: Picture,
    paths: Sequence[Sequence[Position]],
    colour: Paint,
    *,
    thick: float,
    opacity: float = 1.0,
) -> None:
    """Draw a line through the positions of each path."""
    box = _around(canvas, [place for path in paths for place in path], thick)
    if box is None:
        return
    fine, pen = _fine(box)
    for path in paths:
        line = [((x - box[0]) * SMOOTH, (y - box[1]) * SMOOTH) for x, y in path]
        pen.line(line, fill=round(255 * opacity), width=max(1, round(thick * SMOOTH)), joint="curve")
    canvas.paste(colour, box, fine.reduce(SMOOTH))


def dots(canvas: Picture, centres: Sequence[Position], colour: Paint, *, radius: float) -> None:
    """Draw a filled circle at each position."""
    box = _around(canvas, centres, radius)
    if box is None:
        return
    fine, pen = _fine(box)
    for x, y in centres:
        pen.circle(((x - box[0]) * SMOOTH, (y - box[1]) * SMOOTH), radius * SMOOTH, fill=255)
    canvas.paste(colour, box, fine.reduce(SMOOTH))


def bend(start: Position, end: Position, parts: int = 24) -> list[Position]:
    """A cubic Bézier curve that leaves `start` and reaches `end` vertically."""
    (x0, y0), (x1, y1) = start, end
    middle = (y0 + y1) / 2
    curve = []
    for part in range(parts + 1):
        t = part / parts
        a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
        curve.append((x0 * (a + b) + x1 * (c + d), y0 * a + middle * (b + c) + y1 * d))
    return curve


def _around(canvas: Picture, places: Sequence[Position], reach: float) -> Box | None:
    """The part of a canvas within `reach` pixels of the places. None if there are none on the canvas."""
    if not places:
        return None
    across, down = zip(*places, strict=True)
    left, top = max(0, floor(min(across) - reach) - 1), max(0, floor(min(down) - reach) - 1)
    right = min(canvas.width, ceil(max(across) + reach) + 1)
    bottom = min(canvas.height, ceil(max(down) + reach) + 1)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _fine(box: Box) -> tuple[Picture, ImageDraw.ImageDraw]:
    """A mask (mode L) that is `SMOOTH` times larger than the box, and a pen to draw on it."""
    fine = Image.new("L", ((box[2] - box[0]) * SMOOTH, (box[3] - box[1]) * SMOOTH), 0)
    return fine, ImageDraw.Draw(fine)


@lru_cache(maxsize=256)
def _rounded(size: tuple[int, int], radius: int, thick: int = 0) -> Picture:
    """A mask (mode L) of a box with round corners. With `thick`, it is a ring that many pixels wide."""
    large = Image.new("L", (size[0] * FINE, size[1] * FINE), 0)
    box = (0, 0, large.width - 1, large.height - 1)
    fill, outline = (0, 255) if thick else (255, None)
    ImageDraw.Draw(large).rounded_rectangle(box, radius * FINE, fill, outline, thick * FINE)
    return large.resize(size, Resampling.BOX)
