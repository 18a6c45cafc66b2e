"""Draws a walk as a sheet or as an animation."""

from collections.abc import Sequence

from PIL.Image import Image as Picture

from phosphene.explore.walk import Stop
from phosphene.records import Hit
from phosphene.render.animation import Film, crossfade
from phosphene.render.canvas import enlarged
from phosphene.render.sheet import TILE, Row, rows
from phosphene.render.tiles import OpenImage, Tile

FILM_SIDE = 384  # pixels on the longer side of an animation


def walk_sheet(
    stops: Sequence[Stop], ends: tuple[str, str], picture: OpenImage, *, title: str = ""
) -> Picture:
    """A sheet with the nearest image of every stop, and below them the generated pictures if there are any.

    `ends` are the two queries at the ends of the walk. The rows of a long walk are broken.
    """
    found = {stop.hit.image.id: stop.hit.image for stop in stops if stop.hit}
    pictures = {id: picture(image, side=TILE) for id, image in found.items()}

    def nearest(hit: Hit | None) -> Tile | None:
        return Tile(pictures[hit.image.id], hit.image.caption, hit.score) if hit else None

    def generated(made: Picture | None) -> Tile | None:
        return Tile(made, mark=True) if made else None

    parts = [Row("the nearest picture of the library", [nearest(stop.hit) for stop in stops])]
    if any(stop.made for stop in stops):
        parts.append(Row("generated at the same place", [generated(stop.made) for stop in stops]))
    return rows(parts, ends=ends, title=title)


def walk_film(stops: Sequence[Stop], picture: OpenImage) -> Film:
    """An animation that blends the generated pictures or, if there are none, the nearest images.

    Its longer side has 384 pixels. `Film.save` writes it.
    """
    made = [stop.made for stop in stops if stop.made]
    if made:
        return crossfade(range(len(made)), lambda place: enlarged(made[place], FILM_SIDE))
    found = [stop.hit.image for stop in stops if stop.hit]
    keys = [image.id for image in found]
    return crossfade(keys, lambda place: enlarged(picture(found[place], side=FILM_SIDE), FILM_SIDE))
