"""`phosphene repair` brings back what is damaged or lost in a library."""

from functools import partial

import click

from phosphene.cli.options import Settings, command
from phosphene.cli.report import folder_of, show_findings
from phosphene.cli.streams import visible


@command("repair")
@click.option("--model", metavar="NAME", help="The model of a library that lost its manifest and store.")
def repair(settings: Settings, model: str | None) -> None:
    """Bring back what is damaged or lost in a library, as far as possible.

      phosphene repair
      phosphene -L photos.lib repair
      phosphene -L photos.lib repair --model landscape

    The store goes back to its newest undamaged version. Images that this version lacks are added
    again from the files that the journal lists. Generated pictures come back from the recipes in
    their files, with ids, prompts and parents. The journal and the manifest are written again from
    the store, and the thumbnails from the pictures.

    Nothing is deleted. Damaged files are moved to the folder `set-aside` of the library. You can stop
    the command at any time and run it again. The exit code is 1 if something is still wrong.
    """
    from phosphene.embedding import open_embedder
    from phosphene.errors import LibraryError
    from phosphene.maintenance.repair import repair as bring_back

    output, folder = settings.output, folder_of(settings)
    if folder is None:
        raise LibraryError(
            f"`{settings.library}` cannot be repaired here, because its store is not a LanceDB folder.",
            hint="`phosphene check` says what is wrong with it. A server has backups of its own",
        )
    settings.kept = "finished repairs are kept; the same command goes on from there"
    with output.progress("repairing") as advance:
        result = bring_back(
            folder,
            partial(open_embedder, device=settings.device),
            model=model,
            on_done=lambda done: output.note(visible(done)),
            on_progress=advance,
        )
    show_findings(settings, result.left)
    if not settings.json:
        output.summary(_summary(len(result.done), len(result.left)), {})
    if result.left:
        raise click.exceptions.Exit(1)


def _summary(done: int, left: int) -> str:
    if not done and not left:
        return "nothing to repair: the library is whole"
    return "the library is whole again" if not left else f"{left:,} faults cannot be repaired"
