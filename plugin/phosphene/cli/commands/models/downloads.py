"""`phosphene models fetch` and `phosphene models remove`: files of the hub."""

from typing import TYPE_CHECKING

import click

from phosphene.byte_sizes import gigabytes
from phosphene.cli.options import Settings, command

if TYPE_CHECKING:
    from phosphene.catalogue.offers import Offer
    from phosphene.embedding.weights import Weights

YES = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


@command("fetch")
@click.argument("name")
@YES
def fetch(settings: Settings, name: str, yes: bool) -> None:
    """Download a model from the hub, so that you can use it later without a network.

      phosphene models fetch sd15
      phosphene models fetch hf:ORG/NAME
      phosphene models fetch ViT-B-32-SigLIP2-256/webli
      phosphene models fetch hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K

    A generator comes with the IP-Adapter and the image encoder that it needs to read the vectors of
    neighbours. Only the files that are used are downloaded, in half precision where the repository
    has it, and never pickles, which may contain code. Every file is compared with the hash that the
    hub states. After an interruption the same command goes on.

    If the licence does not allow commercial use, it asks first. HF_ENDPOINT names another hub, HF_HOME
    names another folder, and HF_TOKEN is sent to repositories that ask for a login.
    """
    from phosphene.catalogue.offers import offer

    settings.kept = "the downloaded part stays; the same command goes on from there"
    if found := offer(name):
        _fetch_offer(settings, found, yes)
    else:
        _fetch_embedding(settings, name, yes)


def _fetch_offer(settings: Settings, offer: "Offer", yes: bool) -> None:
    from phosphene.catalogue.fetching import fetch, here, order

    output, licence, place = settings.output, offer.licence, here(offer)
    if place is None:
        ordered = order(offer)
        licence, size = ordered.licence, gigabytes(ordered.to_come)
        output.note(f"{offer.title}, licence: {licence}. {size} to download")
        _ask(settings, offer.title, offer.commercial, yes)
        with output.fetching(f"fetching {offer.name}", ordered.to_come) as count:
            place = fetch(ordered, count)
    record = {
        "name": offer.name,
        "path": str(place),
        "licence": licence or None,
        "commercial": offer.commercial,
    }
    output.summary(f"{offer.name} is on this machine: {place}", record)


def _fetch_embedding(settings: Settings, name: str, yes: bool) -> None:
    from phosphene.catalogue.embedding_models import EMBEDDING_MODELS
    from phosphene.embedding.weights import fetch

    if facts := EMBEDDING_MODELS.get(name):
        _ask(settings, name, facts.commercial, yes)
    with settings.output.fetching(f"fetching {name}") as count:
        weights = fetch(name, on_progress=count)
    record = {"name": weights.name, "path": str(weights.file), "dimension": weights.dimension}
    settings.output.summary(f"{weights.name} is on this machine: {weights.file}", record)


def _ask(settings: Settings, title: str, commercial: bool | None, yes: bool) -> None:
    """Ask before a model is downloaded whose licence does not allow commercial use."""
    if commercial is False and not yes:
        settings.output.confirm(f"The licence of {title} does not allow commercial use. Go on?")


@command("remove")
@click.argument("name")
@YES
def remove(settings: Settings, name: str, yes: bool) -> None:
    """Delete what `models fetch` has brought, or forget what `models add` has registered.

      phosphene models remove sd15
      phosphene models remove ViT-B-32-SigLIP2-256/webli

    Files that another program downloaded stay, and so do those that another fetched model uses. A
    checkpoint or a LoRA that you added stays where it is. Of an embedding model, only what phosphene
    has prepared for quick starts is deleted. Its weights stay in the hub's cache.
    """
    from phosphene.catalogue import fetching, registrations

    output = settings.output
    if added := registrations.registered().get(name) or registrations.loras().get(name):
        registrations.unregister(name)
        record = {"name": name, "freed": 0, "kept": str(added.path)}
        output.summary(f"{name} is forgotten. Its files stay: {added.path}", record)
        return
    if weights := _embedding_model(name):
        _remove_prepared(settings, weights, yes)
        return
    size = fetching.removable(name)
    if not yes:
        output.confirm(f"Delete {gigabytes(size)} of {name}?")
    freed = fetching.remove(name)
    output.summary(f"deleted {gigabytes(freed)} of {name}", {"name": name, "freed": freed, "kept": None})


def _embedding_model(name: str) -> "Weights | None":
    """The weights of an embedding model that is on this machine. None for all other names."""
    from phosphene.embedding.weights import resolve
    from phosphene.errors import ModelError

    try:
        return resolve(name)
    except ModelError:
        return None


def _remove_prepared(settings: Settings, weights: "Weights", yes: bool) -> None:
    """Delete the exported towers of an embedding model."""
    from phosphene.embedding.identity import identify
    from phosphene.embedding.towers.kept import kept_of

    kept = kept_of(identify(weights))
    size = kept.size
    if not yes:
        settings.output.confirm(f"Delete {gigabytes(size)} that were prepared of {weights.name}?")
    if size:
        kept.delete()
    record = {"name": weights.name, "freed": size, "kept": str(weights.file)}
    settings.output.summary(
        f"deleted {gigabytes(size)} that were prepared of {weights.name}. Its weights stay: {weights.file}",
        record,
    )
