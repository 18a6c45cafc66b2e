"""`phosphene walk` walks from one query to another and shows the pictures on the way."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.generator_options import generator_options
from phosphene.cli.lane_options import lane_options, saying
from phosphene.cli.options import SEED, WHERE, Settings, command, written
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
STEPS = click.IntRange(2, 1000)  # with 1,000 stops the pictures of the sheet are 96 pixels wide


@command("walk")
@click.argument("start", metavar="A")
@click.argument("end", metavar="B")
@click.option(
    "--steps", type=STEPS, default=8, show_default=True, help="How many stops to make, including both ends."
)
@click.option("--generate", is_flag=True, help="Also generate a picture at every stop.")
@click.option("--keep", is_flag=True, help="Store the generated pictures.")
@WHERE
@INTO
@generator_options
@lane_options
@click.option("--seed", type=SEED, help="The seed of all generated pictures.  [default: random]")
@written("Write the sheet to this file.", default="walk.png")
def walk(
    settings: Settings,
    start: str,
    end: str,
    steps: int,
    generate: bool,
    keep: bool,
    into: str | None,
    out: Path,
    **wishes: Any,
) -> None:
    """Walk from one query to another and show the pictures on the way.

      phosphene walk "a house in the snow at night" "a boat on a sunny sea"
      phosphene walk ./cat.jpg "a lion" --steps 12 --generate -o lion.png

    The walk follows the great circle between the vectors of the two queries. The sheet shows the
    nearest picture of the library at every stop. With --generate, it also shows a picture that was
    generated at that stop. All of these start from the same noise, and its seed is printed. An
    animation is written beside the sheet, under the same name with the ending .webp.
    """
    check_options(out, generate=generate, keep=keep, into=into)
    from phosphene.query import parse
    from phosphene.render import walk_film, walk_sheet

    film = out.with_suffix(".webp")
    settings.claim(out, film, reads=[*parse(start).files, *parse(end).files])
    output = settings.output
    with settings.open() as library, target_library(settings, library, into) as target:
        with counting_kept(settings, target), output.progress("walking") as advance:
            stops = library.walk(
                start,
                end,
                steps,
                generate=generate,
                keep=keep,
                into=target,
                on_step=on_step(advance),
                on_lane=saying(output, library),
                **wishes,
            )
        output.rows([stop_record(library, stop, target) for stop in stops], STOPS)
        for chosen in {stop.seed for stop in stops if stop.seed is not None}:
            output.note(f"generated with --seed {chosen}")
        write_picture(output, walk_sheet(stops, (start, end), library.picture), out)
        output.wrote(walk_film(stops, library.picture).save(film))


def check_options(out: Path, *, generate: bool, keep: bool, into: str | None) -> None:
    """Raise UsageError for options that do not go together."""
    if keep and not generate:
        raise click.UsageError("--keep stores generated pictures. Pass --generate, too.")
    if into and not keep:
        raise click.UsageError("--into names where --keep stores pictures. Pass --keep, too.")
    if out.suffix.lower() == ".webp":
        raise click.UsageError(
            "-o names the sheet, and only the animation beside it ends in .webp. Choose another ending."
        )


def stop_record(library: "Library", stop: "Stop", target: "Library") -> dict[str, Any]:
    """The record of a stop. `generated` is None if nothing was stored."""
    image = stop.hit.image if stop.hit else None
    return {
        "step": stop.index + 1,
        "t": round(stop.t, 4),
        "id": image and image.id,
        "score": round(stop.hit.score, 6) if stop.hit else None,
        "uri": image and library.where(image),
        "caption": image and image.caption,
        "seed": stop.seed,
        "lane": stop.lane,
        "generated": stop.kept and {"id": stop.kept.id, "uri": target.where(stop.kept)},
    }
