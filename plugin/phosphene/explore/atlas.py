"""A map of a library: its two directions of most variance, with pictures instead of dots."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL.Image import Image as Picture

from phosphene.render.canvas import Box, Place, blank, dots, frame, place, strokes
from phosphene.render.colours import GLOW, QUIET, TEXT
from phosphene.render.fonts import shorten, width, write
from phosphene.vectors import Vectors, principal_axes

RADIUS = 5  # of a picture's corners
GAP = 0.07  # between pictures, of a cell
FEW = 16  # so many marked pictures are drawn at twice the side
SOME = 64  # so many are moved aside to be seen all; of more, one is seen in each cell
NO_PARENTS: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Point:
    """Where an image lies: x to the right, y upward, both in [0, 1] at one scale."""

    id: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Atlas:
    """All points, and the shares of the variance that lie along x and y."""

    points: tuple[Point, ...]
    shares: tuple[float, float]


def atlas(ids: Sequence[str], vectors: Vectors) -> Atlas:
    """Project `vectors` (n, d) on their two principal axes.

    One scale for both axes, so that distances keep their meaning; the map is centred.
    """
    if not ids:
        return Atlas((), (0.0, 0.0))
    mean, axes = principal_axes(vectors, min(2, vectors.shape[1]))
    centred = (vectors - mean).astype(np.float64)
    along = np.zeros((len(ids), 2))
    along[:, : len(axes)] = centred @ axes.T
    low, high = along.min(axis=0), along.max(axis=0)
    extent = float((high - low).max())
    # Equal vectors differ by rounding alone; that must not be blown up into a map.
    scale = 1 / extent if extent > 1e-5 else 0.0
    spread = (along - (low + high) / 2) * scale + 0.5
    total = float((centred**2).sum())
    shares = (along**2).sum(axis=0) / total if scale else np.zeros(2)
    points = (Point(id, float(x), float(y)) for id, (x, y) in zip(ids, spread, strict=True))
    return Atlas(tuple(points), (float(shares[0]), float(shares[1])))


def draw_atlas(
    drawn: Atlas,
    picture_of: Callable[[str], Picture | None],
    *,
    marked: Set[str] = frozenset(),
    parents: Mapping[str, Sequence[str]] = NO_PARENTS,
    size: int = 1600,
    title: str = "",
) -> Picture:
    """Draw a map `size` pixels wide: a dot for each point, and pictures where they find room.

    The map is a grid whose cells show the point nearest to their middle, so that no picture
    covers another. `marked` ones (generated) choose first and are framed, then their `parents`,
    with a line to each. `picture_of` is asked for the pictures that are shown and for no more.
    """
    ground = Ground.under(drawn, size, title)
    at = {point.id: ground.pixel(point) for point in drawn.points}
    seats = Seats(ground)
    generated = {id: at[id] for id in at if id in marked}
    side = 2 if len(generated) <= FEW and min(ground.columns, ground.rows) >= 5 else 1
    ours = seats.nearest(generated, side) if len(generated) <= SOME else seats.within(generated)
    relatives = dict.fromkeys(parent for id in ours for parent in parents.get(id, ()) if parent in at)
    theirs = seats.nearest({id: at[id] for id in relatives if id not in ours}, 1)
    others = seats.within({id: at[id] for id in at if id not in ours and id not in theirs})

    canvas = blank(size, ground.height)
    dots(canvas, list(at.values()), QUIET, radius=size / 800)
    dots(canvas, list(generated.values()), GLOW, radius=size / 500)
    for id, box in [*others.items(), *theirs.items()]:
        _show(canvas, picture_of(id), box)
    seen = {**theirs, **ours}
    links = [
        (_middle(seen[parent]), _middle(box))
        for id, box in ours.items()
        for parent in parents.get(id, ())
        if parent in seen
    ]
    strokes(canvas, links, GLOW, thick=size / 900, opacity=0.7)
    dots(canvas, [start for start, _ in links], GLOW, radius=size / 320)
    for id, box in ours.items():
        _show(canvas, picture_of(id), box)
        frame(canvas, box, radius=RADIUS, thick=max(2, size // 500))
    _words(canvas, ground, drawn, len(generated), title)
    return canvas


@dataclass(frozen=True, slots=True)
class Ground:
    """The sheet under a map, in pixels: where its grid lies and how large its cells are."""

    size: int
    margin: int
    top: int
    cell: float
    columns: int
    rows: int
    middle: tuple[float, float]  # of the map's extent, which lies in the middle of the grid

    @classmethod
    def under(cls, drawn: Atlas, size: int, title: str) -> "Ground":
        """As wide as the sheet, as high as the map needs, with as large cells as can be filled.

        Both counts of cells are odd: what lies in the middle has a cell there.
        """
        margin = size // 24
        most = min(31, size // 50)  # smaller pictures would show nothing
        columns = min(most, round(4 + 0.75 * len(drawn.points) ** 0.5)) | 1
        heights = [point.y for point in drawn.points] or [0.5]
        rows = max(3, ceil((max(heights) - min(heights)) * columns)) | 1
        top = margin + (round(size / 22) if title else 0)
        middle = (0.5, (max(heights) + min(heights)) / 2)
        return cls(size, margin, top, (size - 2 * margin) / columns, columns, rows, middle)

    @property
    def height(self) -> int:
        """Of the whole sheet, with room for a line of words below the grid."""
        return self.top + round(self.rows * self.cell) + self.margin + round(self.size / 40)

    def pixel(self, point: Point) -> Place:
        """Where a point lies."""
        across, up = point.x - self.middle[0], point.y - self.middle[1]
        scale = self.columns * self.cell
        return (
            self.margin + scale / 2 + across * scale,
            self.top + self.rows * self.cell / 2 - up * scale,
        )

    def box(self, row: int, column: int, side: int) -> Box:
        """The pixels of a square of `side` times `side` cells, without the gap around it."""
        left, top = self.margin + column * self.cell, self.top + row * self.cell
        gap = self.cell * GAP / 2
        reach = side * self.cell - gap
        return round(left + gap), round(top + gap), round(left + reach), round(top + reach)


class Seats:
    """Who sits in which cell of a ground."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.taken = np.zeros((ground.rows, ground.columns), dtype=bool)

    def nearest(self, places: Mapping[str, Place], side: int) -> dict[str, Box]:
        """Seat each in the nearest free square of `side` times `side` cells, while there are any."""
        seated: dict[str, Box] = {}
        for id, spot in places.items():
            free = ~sliding_window_view(self.taken, (side, side)).any(axis=(2, 3))
            if not free.any():
                break
            rows, columns = np.nonzero(free)
            x, y = self._in_cells(spot)
            nearest = np.argmin((rows + side / 2 - y) ** 2 + (columns + side / 2 - x) ** 2)
            seated[id] = self._take(int(rows[nearest]), int(columns[nearest]), side)
        return seated

    def within(self, places: Mapping[str, Place]) -> dict[str, Box]:
        """Seat in each free cell the one of those within it that is nearest to its middle."""
        best: dict[tuple[int, int], tuple[float, str]] = {}
        for id, spot in places.items():
            x, y = self._in_cells(spot)
            column = min(int(x), self.ground.columns - 1)
            row = min(int(y), self.ground.rows - 1)
            distance = (x - column - 0.5) ** 2 + (y - row - 0.5) ** 2
            if not self.taken[row, column]:
                best[row, column] = min(best.get((row, column), (distance, id)), (distance, id))
        return {id: self._take(row, column, 1) for (row, column), (_, id) in best.items()}

    def _in_cells(self, spot: Place) -> Place:
        ground = self.ground
        return (spot[0] - ground.margin) / ground.cell, (spot[1] - ground.top) / ground.cell

    def _take(self, row: int, column: int, side: int) -> Box:
        self.taken[row : row + side, column : column + side] = True
        return self.ground.box(row, column, side)


def _middle(box: Box) -> Place:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _show(canvas: Picture, picture: Picture | None, box: Box) -> None:
    if picture:
        place(canvas, picture, box, radius=RADIUS, card=False)


def _words(canvas: Picture, ground: Ground, drawn: Atlas, marked: int, title: str) -> None:
    """The title above; below, what is shown and how much of the variance the map holds."""
    heading, text = max(12, ground.size // 44), max(10, ground.size // 90)
    left, right = ground.margin, ground.size - ground.margin
    write(canvas, (left, ground.margin + heading * 0.4), shorten(title, heading, right - left), heading, TEXT)
    baseline = ground.height - ground.margin * 0.7
    count = f"{len(drawn.points):,} pictures"
    write(canvas, (left, baseline), count, text, QUIET)
    if marked:
        x = left + width(count, text) + 3 * text
        dots(canvas, [(x, baseline - text * 0.35)], GLOW, radius=text * 0.4)
        write(canvas, (x + text, baseline), f"{marked:,} generated", text, QUIET)
    across, up = (f"{share:.0%}" for share in drawn.shares)
    shares = f"principal components: {across} of the variance across, {up} upward"
    write(canvas, (right, baseline), shares, text, QUIET, "right")
