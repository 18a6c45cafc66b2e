"""`phosphene vary`: make variations of one picture."""

from pathlib import Path
from typing import Any

import click

from phosphene.cli.forming import forming
from phosphene.cli.generator_options import generator_options
from phosphene.cli.lane_options import saying
from phosphene.cli.options import FROM_ZERO, SEED, SHARE, Settings, command, input_files, written
from phosphene.cli.pictures import PROTOCOLS, check_sheet, preview, write_picture
from phosphene.cli.results import GENERATED, generated_record
from phosphene.cli.target import INTO, counting_kept, target_library


@command("vary")
@click.argument("source", metavar="FILE|ID")
@click.option(
    "-n", "--count", default=6, show_default=True, type=click.IntRange(1, 10_000), help="How many to make."
)
@click.option("--strength", type=SHARE, help="How far to depart from the picture.  [default: 0.9]")
@click.option("-k", "--neighbours", type=FROM_ZERO, help="How many images lead each picture.  [default: 6]")
@click.option("--seed", type=SEED, help="The seed of picture i is this plus i.  [default: random]")
@generator_options
@INTO
@click.option("--preview", "protocol", **PROTOCOLS)
@written("Also write a contact sheet to this file.")
def vary(
    settings: Settings,
    source: str,
    count: int,
    protocol: str,
    into: str | None,
    out: Path | None,
    **wishes: Any,
) -> None:
    """Make variations of one picture, and keep them.

      phosphene vary 5f0c2a44 -n 6
      phosphene vary ./boat.jpg --strength 0.7 -o variations.png

    Each starts from the picture with noise added to it, and is led by the picture's caption, by the
    prompt that it was generated from, or else by its own vector. A low --strength changes details,
    a high one keeps little more than the layout.
    """
    from phosphene.query.terms import file_or_id
    from phosphene.render import generated_sheet

    check_sheet(out, count)
    settings.claim(out, reads=input_files(source))
    output = settings.output
    with settings.open() as library, target_library(settings, library, into) as target:
        target.generation.keeper.check()
        with counting_kept(settings, target), forming(output, protocol) as take:
            callbacks = {"on_step": take, "on_lane": saying(output, library)}
            made = library.vary(file_or_id(source), count, into=target, **callbacks, **wishes)
        preview(output, protocol, lambda: [one.picture for one in made])
        output.rows([generated_record(target, one) for one in made], GENERATED)
    if out:
        write_picture(output, generated_sheet(made, title=f"variations of {source}"), out)
