"""The grid of a map: places for pictures, so that none covers another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from phosphene.render.canvas import Box, Place

GAP = 0.07  # between pictures, of a cell

Seated = dict[str, Box]  # which image lies where, in pixels


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
    def under(cls, spots: Sequence[Place], size: int, *, titled: bool) -> "Ground":
        """As wide as the sheet, as high as the map needs, with as large cells as can be filled.

        Both counts of cells are odd: what lies in the middle has a cell there.
        """
        margin = size // 24
        most = min(31, size // 50)  # smaller pictures would show nothing
        columns = min(most, round(4 + 0.75 * len(spots) ** 0.5)) | 1
        heights = [y for _, y in spots] or [0.5]
        rows = max(3, ceil((max(heights) - min(heights)) * columns)) | 1
        top = margin + (round(size / 22) if titled else 0)
        middle = (0.5, (max(heights) + min(heights)) / 2)
        return cls(size, margin, top, (size - 2 * margin) / columns, columns, rows, middle)

    @property
    def height(self) -> int:
        """Of the whole sheet, with room for a line of words below the grid."""
        return self.top + round(self.rows * self.cell) + self.margin + round(self.size / 40)

    def pixel(self, spot: Place) -> Place:
        """Where a point of the map, x and y in [0, 1], lies on the sheet."""
        across, up = spot[0] - self.middle[0], spot[1] - self.middle[1]
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

    def nearest(self, places: Mapping[str, Place], side: int) -> Seated:
        """Seat each in the nearest free square of `side` times `side` cells, while there are any."""
        seated: Seated = {}
        for id, spot in places.items():
            free = ~sliding_window_view(self.taken, (side, side)).any(axis=(2, 3))
            if not free.any():
                break
            rows, columns = np.nonzero(free)
            x, y = self._in_cells(spot)
            nearest = np.argmin((rows + side / 2 - y) ** 2 + (columns + side / 2 - x) ** 2)
            seated[id] = self._take(int(rows[nearest]), int(columns[nearest]), side)
        return seated

    def within(self, places: Mapping[str, Place]) -> Seated:
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
