"""`phosphene models trust`: allow libraries to load a model of yours."""

import click

from phosphene.cli.options import Settings, command


@command("trust")
@click.argument("name")
def trust(settings: Settings, name: str) -> None:
    """Allow libraries to load a model of yours.

      phosphene models trust local-dir:my-clip
      phosphene models trust hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K

    A library from somebody else may name any folder or repository as its model. phosphene does not
    follow such a name. It loads a model if it is built in, if open_clip lists it, or if you named it
    with this command or once with --model. It recognises that model by its content, wherever a
    library says that it is.
    """
    from phosphene.embedding import consent, open_embedder

    output = settings.output
    with output.fetching(f"fetching {name}") as count:
        space = open_embedder(name, on_fetch=count).space
    consent.remember(name, space)
    output.summary(f"libraries may load {name}: {space.id}", {"model": name, "space": space.id})
