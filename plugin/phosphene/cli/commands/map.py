"""`phosphene map` draws a map of a library."""

from pathlib import Path

import click

from phosphene.cli.options import FROM_TWO, WHERE, Settings, command, written
from phosphene.cli.pictures import write_picture


@command("map")
@written("Write the map to this file.", default="map.png")
@click.option(
    "--limit",
    type=FROM_TWO,
    default=2000,
    show_default=True,
    help="How many imported images to show at most.",
)
@WHERE
def map(settings: Settings, out: Path, limit: int, where: str | None) -> None:
    """Draw a map of the library, with pictures instead of dots.

      phosphene map
      phosphene -L photos.lib map -o photos-map.png --limit 500
      phosphene map --where "taken:2024 rating:4.."

    Similar pictures lie together. The axes are the two directions along which the vectors vary most
    (PCA). The map shows all generated pictures, each with a frame, and at most --limit others.
    """
    from phosphene.render import draw_map

    settings.claim(out)
    with settings.open() as library:
        drawn = library.map(limit=limit, where=where)
        write_picture(settings.output, draw_map(drawn, library.thumbnails), out)
    shares = [round(share, 4) for share in drawn.shares]
    settings.output.summary(
        f"mapped {len(drawn.points):,} images; the axes show {sum(shares):.0%} of the variance",
        {"file": str(out), "images": len(drawn.points), "shares": shares},
    )
