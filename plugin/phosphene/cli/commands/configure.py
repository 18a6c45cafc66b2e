"""`phosphene config`: what is preferred for a library on this machine."""

from dataclasses import asdict

import click

from phosphene.cli.options import Settings, command


@command("config")
@click.argument("key", metavar="[SETTING]", required=False)
@click.argument("value", metavar="[VALUE]", required=False)
@click.option("--unset", is_flag=True, help="Go back to the default of the setting.")
def config(settings: Settings, key: str | None, value: str | None, unset: bool) -> None:
    """Show and change the settings for a library.

      phosphene -L photos.lib config
      phosphene -L photos.lib config generator sd15
      phosphene -L photos.lib config generator
      phosphene -L photos.lib config generator --unset

    `generator` is the generator that `generate`, `walk` and `replay` use if --generator is not
    given. A folder or a file is remembered by its absolute path.

    Settings are kept in your data folder under the place of the library, so that no library of
    somebody else chooses which model is loaded.
    """
    if unset and (key is None or value is not None):
        raise click.UsageError("--unset takes the name of a setting, and no value.")
    from phosphene.generators import lasting_name
    from phosphene.preferences import check, prefer, preferences_for

    check(key)
    with settings.open() as library:
        url = library.url
    if key is not None and (unset or value is not None):
        prefer(url, key, lasting_name(value) if value is not None and key == "generator" else value)
    kept = {name: text for name, text in asdict(preferences_for(url)).items() if key in (None, name)}
    settings.output.fields(kept, {name: text or "(the default)" for name, text in kept.items()})
