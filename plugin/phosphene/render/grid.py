"""The grid of a map. Its cells hold the pictures, so that none covers another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from phosphene.render.canvas import Box, Position

GAP = 0.07  # between pictures, as a share of a cell
SMALLEST = 50  # pixels; nobody could see what a smaller picture shows

Boxes = dict[str, Box]  # where the picture of an image lies, in pixels


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the grid of a map lies on its sheet, and how large its cells are, in pixels."""

    size: int
    margin: int
    top: int
    cell: float
    columns: int
    rows: int
    middle: tuple[float, float]  # the middle of the points, which lies in the middle of the grid

    @classmethod
    def under(cls, spots: Sequence[Position], size: int, *, titled: bool) -> "Grid":
        """The grid for points at `spots`, on a sheet `size` pixels wide.

        The more points there are, the more cells it has, and the smaller they are. The numbers of rows and
        columns are odd, so that there is a cell in the middle.
        """
        margin = size // 24
        most = min(31, size // SMALLEST)
        columns = min(most, round(4 + 0.75 * len(spots) ** 0.5)) | 1
        heights = [y for _, y in spots] or [0.5]
        rows = max(3, ceil((max(heights) - min(heights)) * columns)) | 1
        top = margin + (round(size / 22) if titled else 0)
        middle = (0.5, (max(heights) + min(heights)) / 2)
        return cls(size, margin, top, (size - 2 * margin) / columns, columns, rows, middle)

    @property
    def height(self) -> int:
        """The height of the whole sheet, with room for a line of text below the grid."""
        return self.top + round(self.rows * self.cell) + self.margin + round(self.size / 40)

    def pixel(self, spot: Position) -> Position:
        """The position on the sheet of a point of the map, whose x and y lie in [0, 1]."""
        across, up = spot[0] - self.middle[0], spot[1] - self.middle[1]
        scale = self.columns * self.cell
        return (
            self.margin + scale / 2 + across * scale,
            self.top + self.rows * self.cell / 2 - up * scale,
        )

    def box(self, row: int, column: int, side: int) -> Box:
        """The box of a square of `side` times `side` cells, without the gap around it."""
        left, top = self.margin + column * self.cell, self.top + row * self.cell
        gap = self.cell * GAP / 2
        reach = side * self.cell - gap
        return round(left + gap), round(top + gap), round(left + reach), round(top + reach)


class Cells:
    """The cells of a grid, and which of them are taken."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.taken = np.zeros((grid.rows, grid.columns), dtype=bool)

    def nearest(self, places: Mapping[str, Position], side: int) -> Boxes:
        """Give each image the nearest free square of `side` times `side` cells, until none is free."""
        boxes: Boxes = {}
        for id, spot in places.items():
            free = ~sliding_window_view(self.taken, (side, side)).any(axis=(2, 3))
            if not free.any():
                break
            rows, columns = np.nonzero(free)
            x, y = self._in_cells(spot)
            nearest = np.argmin((rows + side / 2 - y) ** 2 + (columns + side / 2 - x) ** 2)
            boxes[id] = self._take(int(rows[nearest]), int(columns[nearest]), side)
        return boxes

    def within(self, places: Mapping[str, Position]) -> Boxes:
        """Give each free cell to the image within it that is nearest to its middle."""
        best: dict[tuple[int, int], tuple[float, str]] = {}
        for id, spot in places.items():
            x, y = self._in_cells(spot)
            column = min(int(x), self.grid.columns - 1)
            row = min(int(y), self.grid.rows - 1)
            distance = (x - column - 0.5) ** 2 + (y - row - 0.5) ** 2
            if not self.taken[row, column]:
                best[row, column] = min(best.get((row, column), (distance, id)), (distance, id))
        return {id: self._take(row, column, 1) for (row, column), (_, id) in best.items()}

    def _in_cells(self, spot: Position) -> Position:
        grid = self.grid
        return (spot[0] - grid.margin) / grid.cell, (spot[1] - grid.top) / grid.cell

    def _take(self, row: int, column: int, side: int) -> Box:
        self.taken[row : row + side, column : column + side] = True
        return self.grid.box(row, column, side)
