"""`phosphene export` writes images in formats that other programs read."""

from collections.abc import Sequence
from pathlib import Path

import click

from phosphene.cli.options import COUNT, FORCE, INPUT, Settings, command

FORMATS = ("parquet", "webdataset", "coco", "links")


@command("export")
@click.argument("target", metavar="TARGET", type=INPUT)
@click.argument("query", metavar="[QUERY]...", nargs=-1)
@click.option("--as", "format", type=click.Choice(FORMATS), help="The format, if not that of the ending.")
@click.option("-n", "--count", default=100, show_default=True, type=COUNT, help="How many hits of QUERY.")
@click.option("--where", metavar="FILTER", help="Export only images for which it holds, as in `search`.")
@click.option("--vectors", is_flag=True, help="Write the vectors, too.")
@click.option("--pictures", is_flag=True, help="Write the pictures into the parquet file, too.")
@FORCE
def export(
    settings: Settings,
    target: Path,
    query: Sequence[str],
    format: str | None,
    count: int,
    where: str | None,
    vectors: bool,
    pictures: bool,
) -> None:
    """Write a library, or what a query finds in it, for other programs.

      phosphene -L photos.lib export photos.parquet --vectors
      phosphene -L photos.lib export dogs.tar dog on a beach -n 1000
      phosphene -L photos.lib export best/ --where 'rating>=4 taken:2024..2025'
      phosphene -L photos.lib export captions.json

    The ending of TARGET says the format: .parquet is a table with all that is known of each image,
    .tar are webdataset's tars of 10,000 pictures each, .json is a captions file in COCO's format, and
    anything else is a folder with links to the files. Without QUERY the whole library is written.

    What was exported can be added again: the images stay the same, and the captions and fields go with
    them. A captions file in COCO's format holds no fields. It and a table without pictures name the
    files, so add the folders of these in the same command.

    --vectors adds a column to a table, a .npy member for each picture to a tar, and otherwise a file
    .npy and a file .ids.txt with the ids of its rows. Images whose file is gone, has changed or is not
    on this machine are counted, and only a table without pictures has them.
    """
    with settings.open() as library:
        done = library.export(
            target.expanduser(),
            query or None,
            count,
            where=where,
            format=format,
            vectors=vectors,
            pictures=pictures,
            force=settings.force,
        )
    if done.without_file:
        settings.output.note(f"left out {done.without_file:,} images whose file was not found or has changed")
    for file in done.files:
        settings.output.wrote(file)
    record = {"exported": done.images, "without_file": done.without_file, "files": [*map(str, done.files)]}
    settings.output.summary(f"exported {done.images:,}", record)
