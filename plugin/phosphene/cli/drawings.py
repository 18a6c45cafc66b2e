"""Drawings of maps and walks."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from phosphene.explore.map import Atlas
    from phosphene.explore.walk import Stop
    from phosphene.library import Library
    from phosphene.records import Hit

FILM_SIDE = 384  # pixels of an animation's longer side


def draw_map(library: "Library", atlas: "Atlas", title: str = "") -> "Picture":
    """The atlas with the library's small pictures; generated ones framed and tied to their parents."""
    from phosphene.explore.map import draw_atlas

    images = {image.id: image for image in library.store.get([point.id for point in atlas.points])}
    made = [image for image in images.values() if image.origin == "generated"]
    parents = {image.id: [parent.id for parent in image.parents] for image in made}

    def small(ids: "Sequence[str]") -> "dict[str, Picture]":
        there = [images[id] for id in ids if id in images]
        return {image.id: shown for image, shown in zip(there, library.gallery.small(there), strict=True)}

    return draw_atlas(atlas, small, marked=set(parents), parents=parents, title=title)


def walk_sheet(library: "Library", stops: "Sequence[Stop]", ends: tuple[str, str]) -> "Picture":
    """Real pictures in a row and, where there are any, the generated ones below."""
    from phosphene.render.sheet import TILE, Row, rows
    from phosphene.render.tiles import Tile

    found = {stop.hit.image.id: stop.hit.image for stop in stops if stop.hit}
    pictures = {id: library.picture(image, side=TILE) for id, image in found.items()}

    def real(hit: "Hit | None") -> Tile | None:
        return Tile(pictures[hit.image.id], hit.image.caption, hit.score) if hit else None

    def made(picture: "Picture | None") -> Tile | None:
        return Tile(picture, mark=True) if picture else None

    parts = [Row("the nearest picture of the library", [real(stop.hit) for stop in stops])]
    if any(stop.made for stop in stops):
        parts.append(Row("generated at the same place", [made(stop.made) for stop in stops]))
    return rows(parts, ends=ends)


def walk_film(library: "Library", stops: "Sequence[Stop]", path: Path) -> Path:
    """The walk as an animation: of the generated pictures, else of the real ones."""
    from phosphene.render.animation import crossfade, record

    made = [stop.made for stop in stops if stop.made]
    if made:
        return record(crossfade(range(len(made)), lambda place: enlarged(made[place])), path)
    real = [stop.hit.image for stop in stops if stop.hit]
    keys = [image.id for image in real]
    return record(crossfade(keys, lambda place: enlarged(library.picture(real[place], side=FILM_SIDE))), path)


def enlarged(picture: "Picture", side: int = FILM_SIDE) -> "Picture":
    """The picture at the size of a film, its longer side `side` pixels."""
    from PIL.Image import Resampling

    from phosphene.images import resized

    scale = side / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return resized(picture, size, Resampling.BICUBIC)
