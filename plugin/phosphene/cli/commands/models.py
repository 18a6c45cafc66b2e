"""`phosphene models list`, `fetch` and `trust` deal with the models that make vectors."""

import click

from phosphene.cli.options import COMMON, Settings, command, helpful
from phosphene.cli.output import Column

COLUMNS = (
    Column("model", "model"),
    Column("dimension", "dimension"),
    Column("here", "here", lambda here: "yes" if here else "no"),
    Column("package", "package"),
)


@click.group("models", invoke_without_command=True)
@click.pass_context
@helpful
def models(context: click.Context) -> None:
    """List the models that make vectors, or download one.

      phosphene models
      phosphene models fetch ViT-B-32-256/datacomp_s34b_b86k

    Every library uses one of them. `phosphene add --model NAME` chooses it when it makes the library.
    """
    if context.invoked_subcommand is None:
        context.invoke(listing)


@command("list")
def listing(settings: Settings) -> None:
    """List models, and say which of them are on this machine.

      phosphene models list --json

    The list has the built-in model, some models for photographs, and the models of plugins. Any other
    model of open_clip works too, and `phosphene add --help` explains how to name it. For a plugin's
    model the columns dimension and here are empty, because only the plugin knows them.
    """
    from phosphene.embedding.weights import known
    from phosphene.plugins import installed

    records: list[dict[str, object]] = [
        {"model": model.name, "dimension": model.dimension, "here": model.on_disk, "package": None}
        for model in known()
    ]
    for plugin in installed("embedders"):
        package = f"{plugin.package} {plugin.version}"
        records.append({"model": plugin.name, "dimension": None, "here": None, "package": package})
    settings.output.rows(records, COLUMNS, key="model")


@command("fetch")
@click.argument("name")
def fetch(settings: Settings, name: str) -> None:
    """Download a model from the hub, so that you can use it later without a network.

      phosphene models fetch ViT-B-32-256/datacomp_s34b_b86k
      phosphene models fetch hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K

    The environment variable HF_ENDPOINT names another hub, and HF_HOME names another folder.
    """
    from phosphene.embedding.weights import fetch as download

    output = settings.output
    settings.kept = "the downloaded part stays; the same command goes on from there"
    with output.fetching(f"fetching {name}") as count:
        weights = download(name, on_progress=count)
    record = {"model": weights.name, "file": str(weights.file), "dimension": weights.dimension}
    output.summary(f"{weights.name} is on this machine: {weights.file}", record)


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


models.params += COMMON
models.add_command(listing)
models.add_command(fetch)
models.add_command(trust)
