"""`phosphene outliers` finds images that are unlike all others."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.options import COUNT, Settings, command, written
from phosphene.cli.output import Column
from phosphene.cli.pictures import check_sheet, write_picture
from phosphene.cli.results import FILE
from phosphene.cli.sample_options import sample_options, sampled

if TYPE_CHECKING:
    from phosphene.explore.outliers import Outlier
    from phosphene.library import Library

OUTLIERS = (
    Column("distance", "distance", "{:.3f}".format),
    Column("deviations", "deviations", "{:.1f}".format),
    Column("caption", "caption"),
    FILE,
)


@command("outliers")
@click.option("-n", "--count", type=COUNT, help="How many to show.  [default: all that stand out]")
@sample_options
@written("Also write a contact sheet to this file.")
def outliers(
    settings: Settings, count: int | None, origin: str, where: str | None, limit: int, out: Path | None
) -> None:
    """Find the images that are unlike all others.

      phosphene outliers
      phosphene -L photos.lib outliers -n 20 -o outliers.png

    The distance is the mean of 1 - cosine to the ten nearest images. Without -n, an image counts
    as an outlier if its distance is more than 3.5 median absolute deviations above the median.
    """
    from phosphene.explore.outliers import outliers as found_in

    settings.claim(out)
    with settings.open() as library:
        taken = sampled(library, settings.output, origin, where, limit)
        found = found_in(taken, count)
        check_sheet(out, len(found))
        settings.output.rows([_record(library, each) for each in found], OUTLIERS)
        if not found:
            settings.output.note("no image stands out")
        if out:
            from phosphene.render import outliers_sheet

            write_picture(settings.output, outliers_sheet(found, library.picture, title="outliers"), out)


def _record(library: "Library", found: "Outlier") -> dict[str, Any]:
    return {
        "id": found.image.id,
        "distance": round(found.distance, 6),
        "deviations": round(found.deviations, 2),
        "uri": library.where(found.image),
        "caption": found.image.caption,
    }
