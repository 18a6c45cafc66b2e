"""What `models fetch` can bring besides embedding models: families, their IP-Adapters, and TAESD.

An offer is made of parts of repositories. Nothing here asks the hub.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from phosphene.byte_sizes import gigabytes
from phosphene.generators.diffusers.families import FAMILIES, AdapterFiles, Family

Kind = Literal["generator", "adapter", "decoder"]
HUB = re.compile(r"hf:(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?", re.ASCII)
IP_ADAPTER = "ip-adapter-"  # before the name of a family
MIB = 1 << 20
TAESD_LICENCE, TAESD_SIZE = "MIT", 10 * MIB  # https://huggingface.co/madebyollin/taesd, as of the others


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a repository: a pipeline of diffusers, the model in the folder `path`, or the file `path`."""

    repository: str
    kind: Literal["pipeline", "model", "file"]
    path: str = ""
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that can be fetched under a name.

    `commercial` and the size are unknown (None) for a repository that phosphene does not list.
    """

    name: str
    kind: Kind
    title: str
    licence: str
    commercial: bool | None
    size_on_disk: int | None  # bytes
    parts: tuple[Part, ...]
    family: Family | None = None


def offer(name: str) -> Offer | None:
    """The offer of a name, or of a repository as `hf:ORG/NAME[@REVISION]`."""
    if found := HUB.fullmatch(name):
        part = Part(found["repository"], "pipeline", revision=found["revision"] or "main")
        return Offer(name, "generator", found["repository"], "", None, None, (part,))
    return next((listed for listed in offers() if listed.name == name), None)


def offers() -> Iterator[Offer]:
    """All families, then their adapters, then the small decoders."""
    for family in FAMILIES.values():
        yield _of_family(family)
    for family in FAMILIES.values():
        if family.adapter and adapter_name(family) == f"{IP_ADAPTER}{family.name}":
            yield _of_adapter(family, family.adapter)
    for repository in dict.fromkeys(family.tiny_vae for family in FAMILIES.values()):
        if repository:
            yield _of_tiny_vae(repository)


def fetch_command(name: str) -> str:
    """The command that fetches a model."""
    return f"phosphene models fetch {name}"


def adapter_name(family: Family) -> str:
    """The name of the offer of a family's IP-Adapter, which is called after the first family that uses it."""
    first = next(each for each in FAMILIES.values() if each.adapter == family.adapter)
    return f"{IP_ADAPTER}{first.name}"


def how_to_fetch(name: str) -> str:
    """What a hint says about an offer: the command, the size and the licence."""
    found = offer(name)
    assert found is not None
    facts = [gigabytes(found.size_on_disk)] if found.size_on_disk else []
    facts += [f"licence: {found.licence}"] if found.licence else []
    facts += ["no commercial use"] if found.commercial is False else []
    return f"run `{fetch_command(name)}`" + (f" ({', '.join(facts)})" if facts else "")


def _of_family(family: Family) -> Offer:
    adapter = family.adapter
    parts = [Part(family.repository, "pipeline"), *(_adapter_parts(adapter) if adapter else ())]
    for place in family.components.values():
        organisation, repository, folder = place.split("/", 2)
        parts.append(Part(f"{organisation}/{repository}", "model", folder))
    size = family.size_on_disk + (adapter.size_on_disk if adapter else 0)
    commercial = family.commercial and (adapter is None or adapter.commercial)
    return Offer(
        family.name, "generator", family.title, family.licence, commercial, size, tuple(parts), family
    )


def _of_adapter(family: Family, adapter: AdapterFiles) -> Offer:
    return Offer(
        adapter_name(family),
        "adapter",
        f"IP-Adapter of {family.title}",
        adapter.licence,
        adapter.commercial,
        adapter.size_on_disk,
        _adapter_parts(adapter),
        family,
    )


def _adapter_parts(adapter: AdapterFiles) -> tuple[Part, ...]:
    return (
        Part(adapter.repository, "file", adapter.file),
        Part(adapter.encoder_repository, "model", adapter.image_encoder),
    )


def _of_tiny_vae(repository: str) -> Offer:
    families = [family.title for family in FAMILIES.values() if family.tiny_vae == repository]
    name, title = repository.partition("/")[2], f"small decoder for {', '.join(families)}"
    return Offer(name, "decoder", title, TAESD_LICENCE, True, TAESD_SIZE, (Part(repository, "model"),))
