"""`phosphene walk`: from one query to another, with pictures on the way."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.options import GENERATOR, SEED, Settings, command, written
from phosphene.cli.output import Column, on_step
from phosphene.cli.pictures import write_picture
from phosphene.cli.results import FILE
from phosphene.cli.target import INTO, counting_kept, target_library

if TYPE_CHECKING:
    from phosphene.explore.walk import Stop
    from phosphene.library import Library

STOPS = (
    Column("step", "step"),
    Column("score", "score", "{:.3f}".format),
    Column("caption", "nearest picture"),
    FILE,
)
STEPS = click.IntRange(2, 1000)  # a sheet of so many stops has pictures of 96 pixels


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
    from phosphene.render import walk_film, walk_sheet

    film = out.with_suffix(".webp")
    settings.claim(out, film, reads=[*parse(start).files, *parse(end).files])
    output = settings.output
    with settings.open(generator=generator) as library, target_library(settings, library, into) as target:
        with counting_kept(settings, target), output.progress("walking") as advance:
            stops = library.walk(
                start,
                end,
                steps,
                generate=generate,
                keep=keep,
                seed=seed,
                into=target,
                on_step=on_step(advance),
            )
        output.rows([stop_record(library, stop, target) for stop in stops], STOPS)
        for chosen in {stop.seed for stop in stops if stop.seed is not None}:
            output.note(f"generated with --seed {chosen}")
        write_picture(output, walk_sheet(stops, (start, end), library.picture), out)
        output.wrote(walk_film(stops, library.picture).save(film))


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
