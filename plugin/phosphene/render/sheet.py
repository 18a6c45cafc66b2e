"""Sheets, which show many pictures as one: contact sheets, labelled rows and families."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL.Image import Image as Picture

from phosphene.errors import PhospheneError
from phosphene.render.canvas import Position, bend, blank, dots, strokes
from phosphene.render.colours import GLOW, LINE, QUIET, TEXT
from phosphene.render.fonts import shorten, write
from phosphene.render.tiles import Line, Measures, Tile, draw_line

__all__ = ["LARGE", "MAX_TILES", "TILE", "Row", "Tile", "contact_sheet", "family", "rows"]

MAX_IN_ROW = 8  # relatives shown in one row of a family
TILE, LARGE = 256, 358  # the side of a tile on a contact sheet, and in the middle of a family
SIDES = (TILE, 192, 128, 96, 64, 48)  # the more tiles there are, the smaller they get
LONGEST = 16_383  # pixels, the limit for a WebP's width and height; JPEG allows 65,535
MOST_PIXELS = 64_000_000  # Pillow takes 4 bytes for each, and WebP's encoder about as much again
MAX_TILES = 5_000  # pictures on a contact sheet
IN_A_ROW = 12  # columns of `rows` before they are broken


@dataclass(frozen=True, slots=True)
class Row:
    """Tiles that belong together, with a label above them."""

    label: str
    tiles: Line


def contact_sheet(
    tiles: Sequence[Tile], *, title: str = "", columns: int | None = None, tile: int = TILE
) -> Picture:
    """A sheet of all tiles in reading order. `tile` is the side of a tile in pixels, or less for many."""
    across = columns or balanced_columns(len(tiles), most=max(6, round(len(tiles) ** 0.5)))
    lines = [tiles[start : start + across] for start in range(0, len(tiles), across)]
    by = measures(across, len(lines), tile)
    title = title or ("" if tiles else "no pictures")
    return _stack([Row("", line) for line in lines], by, across, title, head=0)


def rows(
    parts: Sequence[Row], *, title: str = "", ends: tuple[str, str] | None = None, tile: int = 192
) -> Picture:
    """A sheet of labelled rows with aligned columns. Long rows are all broken at the same columns.

    `ends` names the first and the last column. A line with a dot for each column joins the names.
    """
    count = max((len(part.tiles) for part in parts), default=1)
    across = balanced_columns(count, most=max(IN_A_ROW, round(count**0.5)))
    broken = _broken(parts, count, across)
    by = measures(across, len(broken), tile)
    head = by.label_room * 2 if ends else 0
    canvas = _stack(broken, by, across, title, head)
    if ends:
        _way(canvas, ends, across, by.margin + by.title_room(title), by)
    return canvas


def family(
    parents: Sequence[Tile], image: Tile, descendants: Sequence[Tile], *, title: str = "", tile: int = TILE
) -> Picture:
    """A sheet with the parents above the image and its descendants below, joined by lines."""
    large, small = Measures(round(tile * 1.4)), Measures(round(tile * 0.62))
    parts = [
        (_few("made from", parents), small),
        (Row("", [image]), large),
        (_few("went into", descendants), small),
    ]
    parts = [(part, by) for part, by in parts if part.tiles]
    margin, joint = large.margin, round(tile * 0.4)  # a joint is the height of the lines
    across = max([large.tile, *(by.across(len(part.tiles)) for part, by in parts)])
    heights = [_height(part, by) for part, by in parts]
    top = margin + large.title_room(title)
    canvas = blank(2 * margin + across, top + sum(heights) + joint * (len(parts) - 1) + margin)
    _title(canvas, title, large)
    touching: list[list[Position]] = []
    for (part, by), height in zip(parts, heights, strict=True):
        left = (canvas.width - by.across(len(part.tiles))) // 2
        _row(canvas, part, (left, top), by)
        middles = [left + index * (by.tile + by.gap) + by.tile / 2 for index in range(len(part.tiles))]
        touching += [[(x, top - 8) for x in middles], [(x, top + height + 4) for x in middles]]
        top += height + joint
    _join(canvas, touching)
    return canvas


def balanced_columns(count: int, most: int = 6) -> int:
    """The number of columns, `most` or fewer, that leaves the last line of a sheet nearly full."""
    return -(-count // -(-count // most)) if count else 1


def measures(across: int, lines: int, tile: int) -> Measures:
    """The largest sizes, at most those of `tile`, with which so many columns and lines fit on a sheet.

    Raises PhospheneError if they do not fit with any size.
    """
    for side in (tile, *(side for side in SIDES if side < tile)):
        by = Measures(side)
        width = 2 * by.margin + by.across(across)
        height = 2 * by.margin + by.title_room("title") + lines * by.line_at_most
        if max(width, height) <= LONGEST and width * height <= MOST_PIXELS:
            return by
    raise PhospheneError(f"One sheet cannot show {across * lines:,} pictures.", hint="ask for fewer")


def _broken(parts: Sequence[Row], count: int, across: int) -> list[Row]:
    """Break rows into parts of at most `across` tiles, whose labels say which of the `count` they show."""
    if count <= across:
        return list(parts)
    return [
        Row(f"{part.label}, {start + 1} to {min(start + across, count)}", part.tiles[start : start + across])
        for start in range(0, count, across)
        for part in parts
    ]


def _stack(parts: Sequence[Row], by: Measures, across: int, title: str, head: int) -> Picture:
    """Draw rows under each other, and leave `head` pixels free between the title and the first row."""
    top = by.margin + by.title_room(title) + head
    high = sum(_height(part, by) + by.gap for part in parts) - (by.gap if parts else 0)
    canvas = blank(2 * by.margin + by.across(across), top + high + by.margin)
    _title(canvas, title, by)
    for part in parts:
        _row(canvas, part, (by.margin, top), by)
        top += _height(part, by) + by.gap
    return canvas


def _height(part: Row, by: Measures) -> int:
    return (by.label_room if part.label else 0) + by.line_room(part.tiles)


def _row(canvas: Picture, part: Row, corner: tuple[int, int], by: Measures) -> None:
    left, top = corner
    write(canvas, (left, top + by.text), part.label, by.text, QUIET)
    draw_line(canvas, part.tiles, (left, top + (by.label_room if part.label else 0)), by)


def _title(canvas: Picture, title: str, by: Measures) -> None:
    words = shorten(title, by.heading, canvas.width - 2 * by.margin)
    write(canvas, (by.margin, by.margin + by.heading * 0.8), words, by.heading, TEXT)


def _way(canvas: Picture, ends: tuple[str, str], across: int, top: int, by: Measures) -> None:
    """Name both ends of the columns, and join the names by a line with a dot over each column."""
    left, right = by.margin, canvas.width - by.margin
    room = (right - left) / 2 - by.gap
    write(canvas, (left, top + by.text), shorten(ends[0], by.text, room), by.text, TEXT)
    write(canvas, (right, top + by.text), shorten(ends[1], by.text, room), by.text, TEXT, "right")
    y = top + by.label_room + by.text // 2
    middles = [left + index * (by.tile + by.gap) + by.tile / 2 for index in range(across)]
    strokes(canvas, [[(left, y), (right, y)]], LINE, thick=2)
    dots(canvas, [(x, y) for x in middles], QUIET, radius=by.text / 3)


def _few(label: str, tiles: Sequence[Tile]) -> Row:
    """A row of the first relatives. Its label counts those that are not shown."""
    hidden = len(tiles) - MAX_IN_ROW
    return Row(f"{label} (and {hidden} more)" if hidden > 0 else label, tiles[:MAX_IN_ROW])


def _join(canvas: Picture, touching: Sequence[Sequence[Position]]) -> None:
    """Draw lines from each generation to the next. `touching` has the upper and lower ends of each."""
    joints = zip(touching[1::2], touching[2::2], strict=False)
    paths = [bend(upper, lower) for above, below in joints for upper in above for lower in below]
    strokes(canvas, paths, GLOW, thick=2, opacity=0.5)
