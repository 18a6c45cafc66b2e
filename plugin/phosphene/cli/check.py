"""`phosphene check` and `phosphene repair`: what is wrong with a library, and bringing it back."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from phosphene.cli.options import Settings, command
from phosphene.cli.output import Column
from phosphene.cli.streams import visible

if TYPE_CHECKING:
    from phosphene.maintenance.findings import Finding

FINDINGS = (Column("part", "part"), Column("message", "what is wrong", path=True))


@command("check")
@click.option("--deep", is_flag=True, help="Also read every file and compare its sha256.")
def check(settings: Settings, deep: bool) -> None:
    """Say whether a library is whole: manifest, store, journal, files, generated pictures.

      phosphene check
      phosphene -L photos.lib check --deep
      phosphene -L photos.lib check --json

    Every row of the store is read: ids, vectors, thumbnails. Files are compared by their sizes.
    Nothing is written and no model loads. The exit code is 1 where something is wrong; most of
    it `phosphene repair` brings back.
    """
    from phosphene.maintenance.check import check as check_parts
    from phosphene.maintenance.check import check_folder

    output, folder = settings.output, _folder(settings)
    with output.progress("checking") as advance:
        if folder:
            findings = check_folder(folder, deep=deep, on_progress=advance)
        else:
            with settings.open() as library:
                findings = check_parts(library.store, library.journal, deep=deep, on_progress=advance)
    _show(settings, findings)
    if not findings:
        output.note("nothing is wrong")
        return
    if folder:
        output.note("`phosphene repair` brings back what it can, and deletes nothing")
    raise click.exceptions.Exit(1)


@command("repair")
@click.option("--model", metavar="NAME", help="The model of a library without manifest and store.")
def repair(settings: Settings, model: str | None) -> None:
    """Bring back what is damaged or lost in a library, as far as that can be done.

      phosphene repair
      phosphene -L photos.lib repair
      phosphene -L photos.lib repair --model landscape

    The store falls back to its newest whole version; what that lacks is added again from the
    files that the journal knows. Generated pictures come back from the recipes in their files,
    with ids, prompts and parents. The journal and the manifest are written again from the store,
    and thumbnails from the pictures.

    Nothing is deleted: what is damaged is moved to the folder `set-aside` of the library. It is
    safe to stop it and to run it again. The exit code is 1 where something is still wrong.
    """
    from phosphene.embedding import open_embedder
    from phosphene.errors import LibraryError
    from phosphene.maintenance.repair import repair as bring_back

    output, folder = settings.output, _folder(settings)
    if folder is None:
        raise LibraryError(
            f"`{settings.library}` cannot be repaired here, because its store is not a LanceDB folder",
            hint="`phosphene check` says what is wrong with it; a server has backups of its own",
        )
    settings.kept = "what was repaired is kept; the same command goes on from there"
    with output.progress("repairing") as advance:
        result = bring_back(
            folder,
            partial(open_embedder, device=settings.device),
            model=model,
            on_done=lambda done: output.note(visible(done)),
            on_progress=advance,
        )
    _show(settings, result.left)
    if not settings.json:
        output.summary(_summary(len(result.done), len(result.left)), {})
    if result.left:
        raise click.exceptions.Exit(1)


def _summary(done: int, left: int) -> str:
    if not done and not left:
        return "nothing to repair: the library is whole"
    return "the library is whole again" if not left else f"repaired what could be; {left:,} faults are left"


def _folder(settings: Settings) -> Path | None:
    """The folder of a library with a LanceDB store, or None for another store."""
    from phosphene.opening import locate
    from phosphene.store.lance.location import LanceLocation

    location = locate(settings.library)
    return location.folder if isinstance(location, LanceLocation) else None


def _show(settings: Settings, findings: "Sequence[Finding]") -> None:
    records = [
        {"part": finding.part, "message": finding.message, "about": list(finding.about)}
        for finding in findings
    ]
    settings.output.rows(records, FINDINGS, key="message")
