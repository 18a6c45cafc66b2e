"""`phosphene check`: what is wrong with a library."""

import click

from phosphene.cli.options import Settings, command
from phosphene.cli.report import folder_of, show_findings


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

    output, folder = settings.output, folder_of(settings)
    with output.progress("checking") as advance:
        if folder:
            findings = check_folder(folder, deep=deep, on_progress=advance)
        else:
            with settings.open() as library:
                findings = check_parts(library.store, library.journal, deep=deep, on_progress=advance)
    show_findings(settings, findings)
    if not findings:
        output.note("nothing is wrong")
        return
    if folder:
        output.note("`phosphene repair` brings back what it can, and deletes nothing")
    raise click.exceptions.Exit(1)
