"""Commands on models: models list, models fetch, models trust."""

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
    """List the models that make vectors, or bring one here.

      phosphene models
      phosphene models fetch ViT-B-32-256/datacomp_s34b_b86k

    Every library keeps to one of them, which is chosen with `phosphene add --model NAME`.
    """
    if context.invoked_subcommand is None:
        context.invoke(listing)


@command("list")
def listing(settings: Settings) -> None:
    """List models, and say which of them are on this machine.

      phosphene models list --json

    It lists the built-in model, some for photographs, and what plugins bring. Any other model of
    open_clip works as well; `phosphene add --help` says how to name it. What a plugin's model needs,
    and whether that is here, only the plugin knows.
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
    """Download a model from the hub, to use it later without a network.

      phosphene models fetch ViT-B-32-256/datacomp_s34b_b86k
      phosphene models fetch hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K

    HF_ENDPOINT names another hub, HF_HOME another folder.
    """
    from phosphene.embedding.weights import fetch as download

    output = settings.output
    settings.kept = "what has come stays; the same command goes on from there"
    with output.fetching(f"fetching {name}") as count:
        weights = download(name, on_progress=count)
    record = {"model": weights.name, "file": str(weights.file), "dimension": weights.dimension}
    output.summary(f"{weights.name} is here: {weights.file}", record)


@command("trust")
@click.argument("name")
def trust(settings: Settings, name: str) -> None:
    """Say that libraries may load a model that you have.

      phosphene models trust local-dir:my-clip
      phosphene models trust hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K

    A library that somebody gave you may name any folder or repository as its model. Such a name is
    not followed: a model is loaded if it is built in, if open_clip lists it, or if you named it,
    here or once as --model. It is known again by what is in it, wherever a library says that it lies.
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
