"""Tiles, which are pictures with captions, and lines of tiles beside each other.

Pictures are fitted into their tiles and never cropped. Generated pictures have a frame and a badge, so
that they can be told apart without colour, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL.Image import Image as Picture

from phosphene.records import Image
from phosphene.render.canvas import Box, badge, fitted_size, frame, place, slab
from phosphene.render.colours import CARD, QUIET, TEXT
from phosphene.render.fonts import shorten, width, wrap, write

CAPTION_LINES = 2


class OpenImage(Protocol):
    """A function that opens the picture of an image, such as `Library.picture`."""

    def __call__(self, image: Image, *, side: int | None = None) -> Picture:
        """Open the picture. With `side`, its longer side has at most so many pixels."""
        ...


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture with its caption and facts. `picture` is None if it does not exist any more."""

    picture: Picture | None
    caption: str = ""
    score: float | None = None
    mark: bool = False  # whether it was generated
    note: str = ""  # a word or two, such as a rank or a seed


Line = Sequence[Tile | None]  # None leaves a place empty


@dataclass(frozen=True, slots=True)
class Measures:
    """The sizes of a sheet in pixels, which all follow from the side of its tiles."""

    tile: int

    @property
    def text(self) -> int:
        """The size of captions."""
        return max(11, self.tile // 17)

    @property
    def heading(self) -> int:
        """The size of the title."""
        return max(16, self.tile // 9)

    @property
    def leading(self) -> int:
        """The distance from one line of text to the next."""
        return round(self.text * 1.45)

    @property
    def gap(self) -> int:
        """The distance between tiles."""
        return max(10, self.tile // 10)

    @property
    def margin(self) -> int:
        """The margin of the sheet."""
        return max(16, self.tile // 6)

    @property
    def radius(self) -> int:
        """The radius of a picture's corners."""
        return max(4, self.tile // 26)

    @property
    def label_room(self) -> int:
        """The height of a label above a line of tiles, with the space below it."""
        return round(self.text * 2.2)

    @property
    def line_at_most(self) -> int:
        """The height of a line of tiles with a label, all captions and the gap below it."""
        return self.label_room + self.tile + self.text + (CAPTION_LINES + 1) * self.leading + self.gap

    def title_room(self, title: str) -> int:
        """The height of a title, with the space below it."""
        return round(self.heading * 2.1) if title else 0

    def across(self, count: int) -> int:
        """The width of a line of tiles."""
        return max(1, count) * (self.tile + self.gap) - self.gap

    def picture_room(self, line: Line) -> int:
        """The height of the tallest picture of a line."""
        pictures = [tile.picture for tile in line if tile and tile.picture]
        heights = [fitted_size(picture.size, (self.tile, self.tile))[1] for picture in pictures]
        return max([*heights, self.tile // 2])

    def line_room(self, line: Line) -> int:
        """The height of a line of tiles with the texts below the pictures."""
        present = [tile for tile in line if tile]
        lines = max((len(self.caption(tile)) for tile in present), default=0)
        lines += any(_has_facts(tile) for tile in present)
        return self.picture_room(line) + (self.text + lines * self.leading if lines else 0)

    def caption(self, tile: Tile) -> list[str]:
        """The lines of a tile's caption."""
        return wrap(tile.caption, self.text, self.tile, CAPTION_LINES)


def draw_line(canvas: Picture, line: Line, corner: tuple[int, int], by: Measures) -> None:
    """Draw tiles beside each other. Their pictures have boxes of one height, so their texts line up."""
    x, top = corner
    high = by.picture_room(line)
    facts = any(tile and _has_facts(tile) for tile in line)
    for tile in line:
        if tile:
            _draw_picture(canvas, tile, (x, top, x + by.tile, top + high), by)
            baseline = top + high + by.text + by.text
            if facts:
                _draw_facts(canvas, tile, x, baseline, by)
                baseline += by.leading
            for text in by.caption(tile):
                write(canvas, (x, baseline), text, by.text, TEXT)
                baseline += by.leading
        x += by.tile + by.gap


def _has_facts(tile: Tile) -> bool:
    return tile.mark or bool(tile.note) or tile.score is not None


def _draw_picture(canvas: Picture, tile: Tile, box: Box, by: Measures) -> None:
    if tile.picture is None:
        slab(canvas, box, CARD, by.radius)
        centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2 + by.text / 3)
        write(canvas, centre, "no picture", by.text, QUIET, "middle")
    else:
        place(canvas, tile.picture, box, radius=by.radius)
    if tile.mark:
        frame(canvas, box, radius=by.radius, thick=max(2, by.tile // 85))


def _draw_facts(canvas: Picture, tile: Tile, x: int, baseline: int, by: Measures) -> None:
    """Write the badge and the note on the left, and the score on the right."""
    score = "" if tile.score is None else f"{tile.score:.3f}"
    write(canvas, (x + by.tile, baseline), score, by.text, QUIET, "right")
    left = x
    if tile.mark:
        size = max(9, round(by.text * 0.82))
        left += badge(canvas, (x, baseline - round(size * 1.18)), size) + by.text // 2
    room = x + by.tile - left - width(score, by.text) - by.text // 2
    write(canvas, (left, baseline), shorten(tile.note, by.text, room), by.text, QUIET)
