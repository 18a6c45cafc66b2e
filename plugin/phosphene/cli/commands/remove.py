"""`phosphene remove` takes images out of a library."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from phosphene.cli.options import INPUT, YES, Settings, command
from phosphene.cli.streams import visible

MAX_FOLDERS = 5  # how many folders a note names


@command("remove")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--missing", is_flag=True, help="Remove every image whose file is gone.")
@click.option(
    "--under",
    type=INPUT,
    metavar="FOLDER",
    help="With --missing, also remove images whose folder below FOLDER is gone.",
)
@YES
def remove(settings: Settings, ids: Sequence[str], missing: bool, under: Path | None, yes: bool) -> None:
    """Take images out of the library. Their files stay where they are.

      phosphene remove 5f0c2a44-3a51-5c7e-9a70-6f1c0f3f0d11
      phosphene -L photos.lib remove --missing --yes
      phosphene -L photos.lib remove --missing --under ~/Pictures/2019

    Pictures that were generated from a removed one keep its id among their parents.

    --missing removes an image only if its folder exists, can be read and is not empty. Otherwise a
    drive may not be mounted, so the image is kept and counted. If you know that folders below FOLDER
    are gone for good, pass --under FOLDER. A folder that cannot be read never counts as gone.
    """
    if bool(ids) == missing:
        raise click.UsageError("Pass either the ids of images or --missing.")
    if under and not missing:
        raise click.UsageError("--under works only with --missing. Pass both.")
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
    """Name the folders whose pictures were kept, because they may only be unmounted."""
    if not folders:
        return
    settings.output.note(
        f"kept {sum(folders.values()):,} images whose files were not found, because their folders are"
        " missing, empty or unreadable. Is a drive not mounted? If such folders are gone for good, name"
        " them with --under FOLDER."
    )
    for folder, count in list(folders.items())[:MAX_FOLDERS]:
        settings.output.note(f"  {visible(str(folder))}: {count:,}")
    if len(folders) > MAX_FOLDERS:
        settings.output.note(f"  and {len(folders) - MAX_FOLDERS:,} more folders")
