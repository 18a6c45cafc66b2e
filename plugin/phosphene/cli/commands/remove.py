"""`phosphene remove`: take images out of a library."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from phosphene.cli.options import INPUT, Settings, command
from phosphene.cli.streams import visible

NAMED = 5  # folders that a note names


@command("remove")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--missing", is_flag=True, help="Every image whose file is gone.")
@click.option(
    "--under", type=INPUT, metavar="FOLDER", help="With --missing: also where folders below FOLDER are gone."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def remove(settings: Settings, ids: Sequence[str], missing: bool, under: Path | None, yes: bool) -> None:
    """Take images out of the library; their files stay where they are.

      phosphene remove 5f0c2a44-3a51-5c7e-9a70-6f1c0f3f0d11
      phosphene -L photos.lib remove --missing --yes
      phosphene -L photos.lib remove --missing --under ~/Pictures/2019

    Pictures that were generated from a removed one keep its id among their parents.

    --missing takes a picture only where its folder is there, can be read and is not empty. Otherwise
    its drive may not be mounted, and it is kept and counted. Where you know that such folders below
    FOLDER are gone for good, say so with --under FOLDER. A folder that cannot be read is never
    taken for gone.
    """
    if bool(ids) == missing:
        raise click.UsageError("name the images to remove, or give --missing")
    if under and not missing:
        raise click.UsageError("--under goes with --missing")
    with settings.open() as library:
        if missing:
            found = library.missing(under=under and under.expanduser().absolute())
            _say_unsure(settings, found.unsure)
            images = list(found.gone)
        else:
            images = [library.get(id.removeprefix("id:")) for id in ids]
        if images and not yes:
            settings.output.confirm(f"Remove {len(images):,} images from {library.url}?")
        count = library.remove([image.id for image in images]) if images else 0
    record = {"removed": count} | ({"kept": sum(found.unsure.values())} if missing else {})
    settings.output.summary(f"removed {count:,}", record)


def _say_unsure(settings: Settings, folders: Mapping[Path, int]) -> None:
    """Name the folders whose pictures were kept, since nobody can say whether they are gone."""
    if not folders:
        return
    settings.output.note(
        f"not found, but kept: {sum(folders.values()):,}. Their folders are missing, empty or unreadable."
        " Is a drive not mounted? Say with --under FOLDER which ones are gone for good"
    )
    for folder, count in list(folders.items())[:NAMED]:
        settings.output.note(f"  {visible(str(folder))}: {count:,}")
    if len(folders) > NAMED:
        settings.output.note(f"  and {len(folders) - NAMED:,} more folders")
