"""`phosphene clusters` groups the images that lie close together."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.options import FROM_TWO, Settings, command, written
from phosphene.cli.output import Column
from phosphene.cli.pictures import write_picture
from phosphene.cli.sample_options import sample_options, sampled

if TYPE_CHECKING:
    from phosphene.explore.clusters import Cluster

CLUSTERS = (
    Column("cluster", "cluster"),
    Column("images", "images", "{:,}".format),
    Column("spread", "spread", "{:.3f}".format),
    Column("name", "name"),
)


@command("clusters")
@click.option(
    "--min-size",
    type=FROM_TWO,
    help="How many images a cluster has at least.  [default: half the square root of their number]",
)
@sample_options
@written("Also write a sheet to this file, with a row for each cluster.")
def clusters(
    settings: Settings, min_size: int | None, origin: str, where: str | None, limit: int, out: Path | None
) -> None:
    """Find groups of images that lie close together.

      phosphene clusters
      phosphene -L photos.lib clusters --min-size 30 -o clusters.png
      phosphene clusters --json | jq -r '.ids[]'

    HDBSCAN finds how many there are. Images between the groups belong to none. A group's name has
    the words that tell its captions from those of the others. The spread is the mean of 1 - cosine
    to the middle. --json lists the ids of each group, the most typical one first.
    """
    from phosphene.explore.clusters import clusters as clusters_of

    settings.claim(out)
    with settings.open() as library:
        found = clusters_of(sampled(library, settings.output, origin, where, limit), min_size)
        settings.output.rows([_record(each) for each in found.clusters], CLUSTERS, key="cluster")
        settings.output.note(f"{len(found.between):,} images belong to no cluster")
        if out:
            from phosphene.render import clusters_sheet

            sheet = clusters_sheet(found.clusters, library.picture, title="clusters")
            write_picture(settings.output, sheet, out)


def _record(cluster: "Cluster") -> dict[str, Any]:
    return {
        "cluster": cluster.number,
        "name": ", ".join(cluster.name),
        "images": len(cluster.members),
        "spread": round(cluster.spread, 6),
        "ids": [image.id for image in cluster.members],
    }
