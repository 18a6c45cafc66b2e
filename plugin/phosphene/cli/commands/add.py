"""`phosphene add`: put pictures into a library."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from phosphene.cli.options import INPUT, Settings, command
from phosphene.cli.streams import visible

if TYPE_CHECKING:
    from phosphene.ingest import Added, Progress


@command("add")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=INPUT)
@click.option("--space", metavar="NAME", help="The encoder of a new library, see below.")
def add(settings: Settings, paths: Sequence[Path], space: str | None) -> None:
    """Add pictures: folders, files, or COCO captions files.

      phosphene -L photos.lib add ~/Pictures
      phosphene -L drawn.lib add drawings/ --space landscape
      phosphene -L weaviate://localhost/Photos add ~/Pictures
      phosphene -L coco.lib add annotations/captions_val2017.json

    The first `add` makes the library. What is already there and unchanged is skipped; a file
    that is no picture is named and skipped. The lines of a .txt file beside a picture are its
    captions, and so is what a captions.json (COCO's format) in a folder says of its pictures.
    One that cannot be read is named, and the pictures are added without it. The exit code is 1
    where nothing could be added and nothing was there.

    A library is made in one space and stays in it: `landscape` (built in, for the landscapes that
    phosphene draws), NAME/TAG (open_clip's pretrained tags), hf-hub:ORG/NAME, local-dir:FOLDER or
    NAME@FILE. Without --space it is a CLIP model for photographs.
    """
    from phosphene.sources import scan

    output = settings.output
    next(scan(paths))  # where there is no picture, no library is made either
    with settings.open(space=space, create=True) as library, output.progress("adding") as advance:

        def tell(progress: "Progress") -> None:
            if progress.note:
                output.note(progress.note)
            settings.kept = f"{progress.added:,} pictures were added; the same command goes on from there"
            advance(progress.done, progress.total)

        added = library.add(paths, on_progress=tell)
    for failure in added.failures:
        output.note(f"skipped {visible(failure.uri)}: {visible(failure.reason)}")
    _report(settings, added)
    if added.failed and not added.added and not added.unchanged:
        click.get_current_context().exit(1)


def _report(settings: Settings, added: "Added") -> None:
    speed = added.added / added.seconds if added.seconds else 0.0
    record = {
        "added": added.added,
        "unchanged": added.unchanged,
        "failed": added.failed,
        "failures": [{"uri": failure.uri, "reason": failure.reason} for failure in added.failures],
        "images_per_second": round(speed, 2),
    }
    settings.output.summary(
        f"added {added.added:,}, unchanged {added.unchanged:,}, failed {added.failed:,}"
        + (f" ({speed:,.1f} images/s)" if added.added else ""),
        record,
    )
