"""A map of a library: its two directions of most variance, with pictures instead of dots."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from heapq import nsmallest
from types import MappingProxyType

import numpy as np
from PIL.Image import Image as Picture

from phosphene.explore.grid import Ground, Seated, Seats
from phosphene.filters import GENERATED, IMPORTED
from phosphene.render.canvas import Box, Place, blank, dots, frame, place, strokes
from phosphene.render.colours import GLOW, QUIET, TEXT
from phosphene.render.fonts import shorten, width, write
from phosphene.store import Store
from phosphene.vectors import Vectors, principal_axes

RADIUS = 5  # of a picture's corners
FEW = 16  # so many marked pictures are drawn at twice the side
SOME = 64  # so many pictures move aside to be seen all; of more, each cell shows one
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


def atlas(store: Store, limit: int) -> Atlas:
    """The map of a store's generated images and of at most `limit` others.

    Those with the smallest ids: an id is a hash, so they are a fair sample, the same each time.
    """
    others = store.iterate(IMPORTED, vectors=True)
    sample = nsmallest(limit, others, key=lambda image: image.id)
    generated = sorted(store.iterate(GENERATED, vectors=True), key=lambda image: image.id)
    images = [*sample, *generated]
    vectors = np.array([image.vector for image in images], dtype=np.float32)
    return project([image.id for image in images], vectors)


def project(ids: Sequence[str], vectors: Vectors) -> Atlas:
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
    pictures_of: Callable[[Sequence[str]], Mapping[str, Picture]],
    *,
    marked: Set[str] = frozenset(),
    parents: Mapping[str, Sequence[str]] = NO_PARENTS,
    size: int = 1600,
    title: str = "",
) -> Picture:
    """Draw a map `size` pixels wide: a dot for each point, and pictures where they find room.

    The map is a grid whose cells show the point nearest to their middle, so that no picture
    covers another. `marked` ones (generated) choose first and are framed, then their `parents`,
    with a line to each. `pictures_of` is asked for the pictures that are shown and for no more.
    """
    spots = {point.id: (point.x, point.y) for point in drawn.points}
    ground = Ground.under(list(spots.values()), size, titled=bool(title))
    at = {id: ground.pixel(spot) for id, spot in spots.items()}
    generated = {id: place for id, place in at.items() if id in marked}
    ours, theirs, rest = _seat(ground, at, generated, parents)
    pictures = pictures_of([*rest, *theirs, *ours])
    canvas = blank(size, ground.height)
    dots(canvas, list(at.values()), QUIET, radius=size / 800)
    dots(canvas, list(generated.values()), GLOW, radius=size / 500)
    for id, box in [*rest.items(), *theirs.items()]:
        _show(canvas, pictures.get(id), box)
    _link(canvas, ours, {**theirs, **ours}, parents)
    for id, box in ours.items():
        _show(canvas, pictures.get(id), box)
        frame(canvas, box, radius=RADIUS, thick=max(2, size // 500))
    _words(canvas, ground, drawn, len(generated), title)
    return canvas


def _seat(
    ground: Ground,
    at: Mapping[str, Place],
    generated: Mapping[str, Place],
    parents: Mapping[str, Sequence[str]],
) -> tuple[Seated, Seated, Seated]:
    """Boxes for the generated, for their parents, and for the others."""
    seats = Seats(ground)
    side = 2 if len(generated) <= FEW and min(ground.columns, ground.rows) >= 5 else 1
    ours = seats.nearest(generated, side) if len(generated) <= SOME else seats.within(generated)
    relatives = dict.fromkeys(parent for id in ours for parent in parents.get(id, ()))
    theirs = seats.nearest({id: at[id] for id in relatives if id in at and id not in ours}, 1)
    others = {id: place for id, place in at.items() if id not in generated and id not in theirs}
    return ours, theirs, seats.nearest(others, 1) if len(at) <= SOME else seats.within(others)


def _link(canvas: Picture, ours: Seated, seen: Seated, parents: Mapping[str, Sequence[str]]) -> None:
    """A line from each generated picture to each of its parents that is seen, and a dot on that."""
    lines = [
        (_middle(seen[parent]), _middle(box))
        for id, box in ours.items()
        for parent in parents.get(id, ())
        if parent in seen
    ]
    strokes(canvas, lines, GLOW, thick=canvas.width / 900, opacity=0.7)
    dots(canvas, [parent for parent, _ in lines], GLOW, radius=canvas.width / 320)


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
    count = f"{len(drawn.points):,} picture{'s' * (len(drawn.points) != 1)}"
    write(canvas, (left, baseline), count, text, QUIET)
    if marked:
        x = left + width(count, text) + 3 * text
        dots(canvas, [(x, baseline - text * 0.35)], GLOW, radius=text * 0.4)
        write(canvas, (x + text, baseline), f"{marked:,} generated", text, QUIET)
    across, up = drawn.shares
    if across:
        shares = f"principal components: {across:.0%} of the variance across, {up:.0%} upward"
        write(canvas, (right, baseline), shares, text, QUIET, "right")
