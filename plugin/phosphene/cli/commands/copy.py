"""`phosphene copy`: from one library into another."""

import click

from phosphene.cli.options import Settings, command


@command("copy")
@click.argument("source", metavar="A")
@click.argument("target", metavar="B")
def copy(settings: Settings, source: str, target: str) -> None:
    """Copy a library into another, a folder or a server's.

      phosphene copy photos.lib weaviate://localhost/Photos
      phosphene copy weaviate://localhost/Photos backup.lib

    Images come with their vectors, thumbnails, recipes and parents, and no model loads; B is made
    where it is not there yet. Generated pictures are copied as files; added ones stay where they
    are. What is there already is passed over, so that a copy that was stopped goes on. In the end
    everything is read back and compared: the checksum is of ids, properties and vectors.
    A generator that was trained for A stays there.
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

        done = transfer(CopySide(old.store, old.folder), CopySide(new.store, new.folder), tell)
    if done.without_file:
        output.note(f"{done.without_file:,} generated pictures have no file on this machine, only thumbnails")
    if done.passed_over:
        output.note(f"passed over {done.passed_over:,} of what `{source}` holds: no images")
    output.summary(
        f"copied {done.copied:,}, unchanged {done.unchanged:,}, files {done.files:,};"
        f" read back and the same, checksum {done.checksum}",
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
