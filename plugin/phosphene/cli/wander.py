"""Commands that look at the space: map, walk."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.library import FILE
from phosphene.cli.make import INTO, kept, opened, stepping
from phosphene.cli.options import FROM_TWO, GENERATOR, SEED, Settings, command, written
from phosphene.cli.output import Column
from phosphene.cli.pictures import write_picture

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from phosphene.explore.map import Atlas
    from phosphene.explore.walk import Stop
    from phosphene.library import Library
    from phosphene.records import Hit

STOPS = (
    Column("step", "step"),
    Column("score", "score", "{:.3f}".format),
    Column("caption", "nearest picture"),
    FILE,
)
STEPS = click.IntRange(2, 1000)  # a sheet of so many stops has pictures of 96 pixels
FILM_SIDE = 384  # pixels of an animation's longer side


@command("map")
@written("The map.", default="map.png")
@click.option("--limit", type=FROM_TWO, default=2000, show_default=True, help="At most so many images.")
def atlas(settings: Settings, out: Path, limit: int) -> None:
    """Draw a map of the library, with pictures instead of dots.

      phosphene map
      phosphene -L photos.lib map -o photos-map.png --limit 500

    What is alike lies together: the axes are the two along which the vectors differ most (PCA).
    Generated pictures are framed, and all of them are on the map; of the others at most --limit.
    """
    settings.claim(out)
    with settings.open() as library:
        drawn = library.map(limit=limit)
        write_picture(settings.output, draw_map(library, drawn), out)
    shares = [round(share, 4) for share in drawn.shares]
    settings.output.summary(
        f"mapped {len(drawn.points):,} images; the axes show {sum(shares):.0%} of how they differ",
        {"file": str(out), "images": len(drawn.points), "shares": shares},
    )


@command("walk")
@click.argument("start", metavar="A")
@click.argument("end", metavar="B")
@click.option("--steps", type=STEPS, default=8, show_default=True, help="Stops, both ends included.")
@click.option("--generate", is_flag=True, help="Also generate a picture at every stop.")
@click.option("--keep", is_flag=True, help="Store what was generated.")
@INTO
@GENERATOR
@click.option("--seed", type=SEED, help="Of every generated picture.  [default: random]")
@written("The sheet.", default="walk.png")
def walk(
    settings: Settings,
    start: str,
    end: str,
    steps: int,
    generate: bool,
    keep: bool,
    into: str | None,
    generator: str | None,
    seed: int | None,
    out: Path,
) -> None:
    """Walk from one query to another and see what lies on the way.

      phosphene walk "a house in the snow at night" "a boat on a sunny sea"
      phosphene walk ./cat.jpg "a lion" --steps 12 --generate -o lion.png

    The way is the great circle between the two vectors. At every stop the nearest picture of the
    library is shown and, with --generate, below it one that was made there. All of these start
    from the noise of one seed, which is printed. An animation lies beside the sheet, under the same
    name with the ending .webp. The sheet of a long walk has several rows.
    """
    if keep and not generate:
        raise click.UsageError("--keep is for what --generate makes")
    if into and not keep:
        raise click.UsageError("--into is for what --keep stores")
    if out.suffix.lower() == ".webp":
        raise click.UsageError("-o names the sheet; the ending .webp is the animation's")
    from phosphene.query import parse

    film = out.with_suffix(".webp")
    settings.claim(out, film, reads=[*parse(start).files, *parse(end).files])
    output = settings.output
    with settings.open(generator=generator) as library, opened(settings, library, into) as target:
        with kept(settings, target), output.progress("walking") as advance:
            stops = library.walk(
                start,
                end,
                steps,
                generate=generate,
                keep=keep,
                seed=seed,
                into=target,
                on_step=stepping(advance),
            )
        output.rows([stop_record(library, stop, target) for stop in stops], STOPS)
        for chosen in {stop.seed for stop in stops if stop.seed is not None}:
            output.note(f"generated with --seed {chosen}")
        write_picture(output, walk_sheet(library, stops, (start, end)), out)
        output.wrote(walk_film(library, stops, film))


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


def stop_record(library: "Library", stop: "Stop", target: "Library") -> dict[str, Any]:
    """A stop as the JSON says it; `generated` is null where nothing was stored."""
    image = stop.hit.image if stop.hit else None
    return {
        "step": stop.index + 1,
        "t": round(stop.t, 4),
        "id": image and image.id,
        "score": round(stop.hit.score, 6) if stop.hit else None,
        "uri": image and library.where(image),
        "caption": image and image.caption,
        "seed": stop.seed,
        "generated": stop.kept and {"id": stop.kept.id, "uri": target.where(stop.kept)},
    }


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
