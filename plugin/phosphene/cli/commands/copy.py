"""`phosphene copy` copies one library into another."""

from typing import TYPE_CHECKING

import click

from phosphene.cli.options import Settings, command
from phosphene.cli.output import Output

if TYPE_CHECKING:
    from phosphene.maintenance.copying import Copied


@command("copy")
@click.argument("source", metavar="A")
@click.argument("target", metavar="B")
@click.option(
    "--batch-size",
    default=500,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="How many images are written at once.",
)
def copy(settings: Settings, source: str, target: str, batch_size: int) -> None:
    """Copy a library into another. Both may be folders or collections of a server.

      phosphene copy photos.lib weaviate://localhost/Photos
      phosphene copy weaviate://localhost/Photos backup.lib

    Images are copied with their vectors, thumbnails, recipes and parents, and no model is loaded. B
    is made if it does not exist. The files of generated pictures are copied. The files of added
    pictures stay where they are, and so does a generator that was trained for A.

    Images that B has already are skipped, so a copy that was stopped goes on when you run it again.
    At the end everything is read back and compared. The checksum covers ids, properties and vectors.
    """
    import phosphene
    from phosphene.maintenance.copying import CopySide
    from phosphene.maintenance.copying import copy as transfer

    output, device = settings.output, settings.device
    with (
        phosphene.open(source, device=device) as old,
        phosphene.open(target, space=old.space, create=True, device=device) as new,
        output.progress("copying") as advance,
    ):

        def tell(done: int, total: int) -> None:
            settings.kept = f"{done:,} images were copied; the same command goes on from there"
            advance(done, total)

        done = transfer(
            CopySide(old.store, old.folder), CopySide(new.store, new.folder), tell, batch_size=batch_size
        )
    _report(output, source, done)


def _report(output: Output, source: str, done: "Copied") -> None:
    if done.without_file:
        output.note(f"{done.without_file:,} generated pictures have no file on this machine, only thumbnails")
    if done.passed_over:
        output.note(f"skipped {done.passed_over:,} entries of `{source}` that are not images")
    output.summary(
        f"copied {done.copied:,}, unchanged {done.unchanged:,}, files {done.files:,};"
        f" everything was read back and is the same; checksum {done.checksum}",
        {
            "copied": done.copied,
            "unchanged": done.unchanged,
            "files": done.files,
            "without_file": done.without_file,
            "passed_over": done.passed_over,
            "checksum": done.checksum,
            "seconds": round(done.seconds, 3),
        },
    )
