"""Drawing the map of a library, with pictures instead of dots."""

from collections.abc import Callable, Mapping, Sequence

from PIL.Image import Image as Picture

from phosphene.explore.map import Map
from phosphene.render.canvas import Box, Position, blank, dots, frame, place, strokes
from phosphene.render.colours import GLOW, QUIET, TEXT
from phosphene.render.fonts import shorten, width, write
from phosphene.render.grid import Boxes, Cells, Grid

RADIUS = 5  # pixels, of a picture's corners
LARGE_UP_TO = 16  # up to this number, generated pictures are drawn with twice the side
ALL_UP_TO = 64  # up to this number, pictures move aside so that all are shown

Parents = Mapping[str, Sequence[str]]


def draw_map(
    drawn: Map,
    thumbnails: Callable[[Sequence[str]], Mapping[str, Picture]],
    *,
    size: int = 1600,
    title: str = "",
) -> Picture:
    """Draw a map `size` pixels wide, with a dot for every point, and pictures if there is room for them.

    The map is a grid. A cell shows the image nearest to its middle, so that no picture covers another.
    Generated images come first and get a frame. Their parents follow, with a line to each.
    `thumbnails` takes the ids of the images that are shown, and returns their pictures.
    `Library.thumbnails` is such a function.
    """
    parents = {point.id: point.parents for point in drawn.points if point.origin == "generated"}
    spots = {point.id: (point.x, point.y) for point in drawn.points}
    grid = Grid.under(list(spots.values()), size, titled=bool(title))
    at = {id: grid.pixel(spot) for id, spot in spots.items()}
    generated = {id: at[id] for id in parents}
    ours, theirs, rest = _placed(grid, at, generated, parents)
    pictures = thumbnails([*rest, *theirs, *ours])
    canvas = blank(size, grid.height)
    dots(canvas, list(at.values()), QUIET, radius=size / 800)
    dots(canvas, list(generated.values()), GLOW, radius=size / 500)
    for id, box in [*rest.items(), *theirs.items()]:
        _show(canvas, pictures.get(id), box)
    _link(canvas, ours, {**theirs, **ours}, parents)
    for id, box in ours.items():
        _show(canvas, pictures.get(id), box)
        frame(canvas, box, radius=RADIUS, thick=max(2, size // 500))
    _words(canvas, grid, drawn, len(generated), title)
    return canvas


def _placed(
    grid: Grid, at: Mapping[str, Position], generated: Mapping[str, Position], parents: Parents
) -> tuple[Boxes, Boxes, Boxes]:
    """The boxes of the generated images, of their parents and of the others."""
    cells = Cells(grid)
    side = 2 if len(generated) <= LARGE_UP_TO and min(grid.columns, grid.rows) >= 5 else 1
    ours = cells.nearest(generated, side) if len(generated) <= ALL_UP_TO else cells.within(generated)
    relatives = dict.fromkeys(parent for id in ours for parent in parents.get(id, ()))
    theirs = cells.nearest({id: at[id] for id in relatives if id in at and id not in ours}, 1)
    others = {id: place for id, place in at.items() if id not in generated and id not in theirs}
    return ours, theirs, cells.nearest(others, 1) if len(at) <= ALL_UP_TO else cells.within(others)


def _link(canvas: Picture, ours: Boxes, shown: Boxes, parents: Parents) -> None:
    """Draw a line from each generated picture to each of its parents that is shown, and a dot on it."""
    lines = [
        (_middle(shown[parent]), _middle(box))
        for id, box in ours.items()
        for parent in parents.get(id, ())
        if parent in shown
    ]
    strokes(canvas, lines, GLOW, thick=canvas.width / 900, opacity=0.7)
    dots(canvas, [parent for parent, _ in lines], GLOW, radius=canvas.width / 320)


def _middle(box: Box) -> Position:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _show(canvas: Picture, picture: Picture | None, box: Box) -> None:
    if picture:
        place(canvas, picture, box, radius=RADIUS, card=False)


def _words(canvas: Picture, grid: Grid, drawn: Map, generated: int, title: str) -> None:
    """Write the title above the map, and below it what the map shows."""
    heading, text = max(12, grid.size // 44), max(10, grid.size // 90)
    left, right = grid.margin, grid.size - grid.margin
    write(canvas, (left, grid.margin + heading * 0.4), shorten(title, heading, right - left), heading, TEXT)
    baseline = grid.height - grid.margin * 0.7
    count = f"{len(drawn.points):,} picture{'s' * (len(drawn.points) != 1)}"
    write(canvas, (left, baseline), count, text, QUIET)
    if generated:
        x = left + width(count, text) + 3 * text
        dots(canvas, [(x, baseline - text * 0.35)], GLOW, radius=text * 0.4)
        write(canvas, (x + text, baseline), f"{generated:,} generated", text, QUIET)
    across, up = drawn.shares
    if across:
        shares = f"principal components: {across:.0%} of the variance across, {up:.0%} upward"
        write(canvas, (right, baseline), shares, text, QUIET, "right")
