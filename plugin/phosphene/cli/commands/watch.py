"""`phosphene watch` adds pictures as they appear in folders."""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from phosphene.cli.options import Settings, command
from phosphene.cli.pruning import pruned
from phosphene.cli.streams import visible

if TYPE_CHECKING:
    from phosphene.library import Library
    from phosphene.sources import ScanOptions

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@command("watch")
@click.argument("folders", metavar="FOLDER...", nargs=-1, required=True, type=FOLDER)
@click.option("--model", metavar="NAME", help="The model of a new library, as for `add`.")
@click.option(
    "--include", metavar="PATTERN", multiple=True, help="Take only files that match; may be repeated."
)
@click.option("--exclude", metavar="PATTERN", multiple=True, help="Leave out what matches; may be repeated.")
@click.option("--prune", is_flag=True, help="Also remove images whose files are gone, without a question.")
def watch(
    settings: Settings,
    folders: Sequence[Path],
    model: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    prune: bool,
) -> None:
    """Add the pictures in folders, and then those that appear there, until Ctrl-C.

      phosphene -L photos.lib watch ~/Pictures ~/Downloads
      phosphene -L photos.lib watch ~/Pictures --prune

    It prints a line when it has begun, and one whenever the folders have changed and are quiet again.
    Each of these is an `add` of the folder that has changed, so captions that change count, too, and a
    file that was moved keeps its image. --prune removes what is gone as cautiously as `add --prune`.

    Some network drives report no changes. Set WATCHFILES_FORCE_POLLING=1 to look for them instead.
    """
    from phosphene.sources import ScanOptions
    from phosphene.sources.file_names import absolute
    from phosphene.sources.watching import changes

    roots = [absolute(folder.expanduser()) for folder in folders]
    settings.kept = "what was added is kept"
    with settings.open(model=model, create=True) as library:
        for changed in changes(roots, without=library.folder):
            batch = [root for root in roots if root in changed]
            _add(settings, library, batch, ScanOptions(include, exclude), prune=prune)


def _add(
    settings: Settings, library: "Library", folders: Sequence[Path], options: "ScanOptions", *, prune: bool
) -> None:
    """Add what has changed in folders, and print a line."""
    from phosphene.maintenance.pruning import Scanned
    from phosphene.sources.local_files import LocalFiles

    scanned = Scanned(LocalFiles(folders, options).items())
    added = library.add(scanned)
    for failure in added.failures:
        settings.output.note(f"skipped {visible(failure.uri)}: {visible(failure.reason)}")
    removed = pruned(settings, library, folders, scanned, added, yes=True) if prune else 0
    counts = {"added": added.added, "unchanged": added.unchanged, "failed": added.failed, "removed": removed}
    said = ", ".join(f"{name} {count:,}" for name, count in counts.items() if count or name == "added")
    settings.output.summary(f"{datetime.now():%H:%M:%S} {said}", counts)
    sys.stdout.flush()
