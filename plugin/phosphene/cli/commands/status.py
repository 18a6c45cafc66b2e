"""`phosphene status`: how many images a library holds, and in which space."""

from phosphene.cli.options import Settings, command


@command("status")
def status(settings: Settings) -> None:
    """Say what is in the library.

      phosphene status
      phosphene -L photos.lib status --json

    Loads no model.
    """
    with settings.open() as library:
        state = library.status()
    names = ("library", "store", "model", "dimension", "images", "imported", "generated")
    settings.output.fields({name: getattr(state, name) for name in names})
