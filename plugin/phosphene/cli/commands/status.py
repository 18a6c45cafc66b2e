"""`phosphene status` counts the images of a library and names its model."""

from phosphene.cli.options import Settings, command


@command("status")
def status(settings: Settings) -> None:
    """Show the library's store and model, and count its images.

      phosphene status
      phosphene -L photos.lib status --json

    The command loads no model.
    """
    with settings.open() as library:
        state = library.status()
    names = ("library", "store", "model", "dimension", "images", "imported", "generated")
    settings.output.fields({name: getattr(state, name) for name in names})
