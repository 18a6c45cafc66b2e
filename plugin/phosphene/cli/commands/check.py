"""`phosphene check` reports what is wrong with a library."""

import click

from phosphene.cli.options import Settings, command
from phosphene.cli.report import folder_of, show_findings


@command("check")
@click.option("--deep", is_flag=True, help="Also read every file and compare its sha256.")
def check(settings: Settings, deep: bool) -> None:
    """Check a library's manifest, store, journal, files and generated pictures.

      phosphene check
      phosphene -L photos.lib check --deep
      phosphene -L photos.lib check --json

    It reads the id, vector and thumbnail of every image in the store, and compares files by size. It
    writes nothing and loads no model. The exit code is 1 if something is wrong. `phosphene repair` can
    mend most faults.
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
        output.note("`phosphene repair` mends what it can, and deletes nothing")
    raise click.exceptions.Exit(1)
