"""`phosphene duplicates` finds pictures that are copies of each other."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.options import ORIGINS, YES, Settings, command, origin_of, written
from phosphene.cli.output import Column, Output
from phosphene.cli.pictures import write_picture
from phosphene.cli.results import FILE

if TYPE_CHECKING:
    from phosphene.duplicates.groups import Copies
    from phosphene.library import Library

COLUMNS = (
    Column("group", "group"),
    Column("role", "role"),
    Column("size", "size", lambda size: f"{size[0]}×{size[1]}"),
    Column("origin", "origin"),
    FILE,
)


@command("duplicates")
@click.option("--origin", default="all", show_default=True, type=ORIGINS, help="Which images to compare.")
@click.option("--delete", is_flag=True, help="Remove all but the best copies from the library.")
@click.option("--delete-files", is_flag=True, help="Also delete the files of the removed copies.")
@YES
@written("Also write a sheet with a row for each group to this file.")
def duplicates(
    settings: Settings, origin: str, delete: bool, delete_files: bool, yes: bool, out: Path | None
) -> None:
    """Find copies of pictures: resized, compressed again, or cropped by up to a tenth.

      phosphene duplicates -o copies.png
      phosphene duplicates --delete
      phosphene duplicates --delete --delete-files --yes

    Each group begins with its best copy: the one of most pixels, of these the largest file, and of
    these the one that was added first. --delete keeps it, and asks before it removes the others. Files
    stay where they are, unless you also pass --delete-files.
    """
    if delete_files and not delete:
        raise click.UsageError("--delete-files works only with --delete. Pass both.")
    from phosphene.filters import of_origin

    settings.claim(out)
    with settings.open() as library:
        with settings.output.progress("comparing pictures") as advance:
            found = library.duplicates(where=of_origin(origin_of(origin)), on_pairs=advance)
        settings.output.rows(_records(library, found), COLUMNS)
        _say(settings.output, found)
        if out:
            from phosphene.render import copies_sheet

            write_picture(settings.output, copies_sheet(found, library.picture), out)
        if delete:
            _delete(settings.output, library, found, files=delete_files, yes=yes)


def _records(library: "Library", found: "Sequence[Copies]") -> list[dict[str, Any]]:
    return [
        {
            "group": number,
            "role": "best" if image is group.best else "copy",
            "id": image.id,
            "size": [image.width, image.height],
            "origin": image.origin,
            "uri": library.where(image),
        }
        for number, group in enumerate(found, start=1)
        for image in (group.best, *group.others)
    ]


def _say(output: Output, found: "Sequence[Copies]") -> None:
    copies = sum(len(group.others) for group in found)
    output.note(f"copies found: {copies:,}" if copies else "no copies found")


def _delete(output: Output, library: "Library", found: "Sequence[Copies]", *, files: bool, yes: bool) -> None:
    from phosphene.duplicates.deletion import delete_files

    copies = [image.id for group in found for image in group.others]
    if not copies:
        return
    if not yes:
        kept = "Their files are deleted, too." if files else "Their files stay."
        output.confirm(f"Remove {len(copies):,} copies from {library.url}? {kept}")
    removed = library.remove(copies)
    deleted = len(delete_files(found, library.pictures)) if files else 0
    output.note(f"removed {removed:,} copies" + (f" and deleted {deleted:,} files" if files else ""))
