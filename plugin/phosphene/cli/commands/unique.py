"""`phosphene unique` chooses a few images that stand for all."""

from pathlib import Path

import click

from phosphene.cli.options import COUNT, Settings, command, written
from phosphene.cli.output import Column
from phosphene.cli.pictures import check_sheet, write_picture
from phosphene.cli.results import FILE
from phosphene.cli.sample_options import sample_options, sampled

UNIQUE = (
    Column("covers", "stands for"),
    Column("distance", "distance", "{:.3f}".format),
    Column("caption", "caption"),
    FILE,
)


@command("unique")
@click.option("-n", "--count", type=COUNT, default=50, show_default=True, help="How many to choose.")
@sample_options
@written("Also write a contact sheet to this file.")
def unique(
    settings: Settings, count: int, origin: str, where: str | None, limit: int, out: Path | None
) -> None:
    """Choose a few images that are as different as possible and stand for all.

      phosphene unique -n 24 -o overview.png
      phosphene -L photos.lib unique -n 500 --json

    The first one is the most typical. Each of the others is the one that is farthest from all that
    were chosen before it. An image stands for those that are nearer to it than to the others.
    """
    from phosphene.explore.unique import unique as chosen_of

    settings.claim(out)
    check_sheet(out, count)
    with settings.open() as library:
        chosen = chosen_of(sampled(library, settings.output, origin, where, limit), count)
        records = [
            {
                "id": each.image.id,
                "covers": each.covers,
                "distance": round(each.distance, 6),
                "uri": library.where(each.image),
                "caption": each.image.caption,
            }
            for each in chosen
        ]
        settings.output.rows(records, UNIQUE)
        if out:
            from phosphene.render import unique_sheet

            write_picture(settings.output, unique_sheet(chosen, library.picture), out)
