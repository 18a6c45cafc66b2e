"""Finds the files of a repository in the hub's cache on this machine.

The cache belongs to all programs that use the hub, so a checkpoint that another one downloaded is found, too.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from phosphene.catalogue.offers import Part
from phosphene.generators.diffusers.families import Family
from phosphene.hub import cached

INDEX = "model_index.json"
# A classifier that blackens pictures. Folders of Stable Diffusion have it, and single files do not.
LEFT_OUT = ("safety_checker",)
MAX_INDEX = 16 << 20  # bytes of a JSON file that names the shards of a component


@dataclass(frozen=True, slots=True)
class Beside:
    """What a family uses beside its checkpoint. None: it does not need that, or it is not here."""

    ip_adapter: Path | None = None  # a file
    image_encoder: Path | None = None  # the folder of a CLIPVisionModelWithProjection
    tiny_vae: Path | None = None  # the folder of an AutoencoderTiny


def pipeline(repository: str, revision: str = "main") -> Path | None:
    """The folder of a pipeline of diffusers, if all components that phosphene uses are in it."""
    index = cached(repository, INDEX, revision)
    if index is None:
        return None
    components = json.loads(index.read_bytes())
    names = [name for name, kind in components.items() if isinstance(kind, list) and kind[0]]
    folders = [index.parent / name for name in names if name not in LEFT_OUT]
    return index.parent if all(map(_is_whole, folders)) else None


def place(part: Part) -> Path | None:
    """Where a part of an offer is, if all of it is here."""
    if part.kind == "pipeline":
        return pipeline(part.repository, part.revision)
    return (cached if part.kind == "file" else model)(part.repository, part.path)


def beside(family: Family) -> Beside:
    """What is here of the parts that a family uses beside its checkpoint."""
    adapter, encoder = family.adapter, None
    if adapter:
        encoder = model(adapter.encoder_repository, adapter.image_encoder)
    elif "image_encoder" in family.components:
        owner, name, folder = family.components["image_encoder"].split("/", 2)
        encoder = model(f"{owner}/{name}", folder)
    return Beside(
        ip_adapter=cached(adapter.repository, adapter.file) if adapter else None,
        image_encoder=encoder,
        tiny_vae=model(family.tiny_vae) if family.tiny_vae else None,
    )


def model(repository: str, folder: str = "") -> Path | None:
    """The folder of one model in a repository, if its files are here."""
    config = cached(repository, f"{folder}/config.json".lstrip("/"))
    return config.parent if config and _is_whole(config.parent) else None


def _is_whole(folder: Path) -> bool:
    """Whether a component's files are here: if it has weights, all of their shards."""
    if not folder.is_dir():
        return False
    if not (folder / "config.json").is_file():  # a tokenizer or a scheduler
        return True
    shards = [shard for index in folder.glob("*.safetensors.index.json") for shard in _shards(index)]
    return all((folder / shard).is_file() for shard in shards) and any(folder.glob("*.safetensors"))


def _shards(index: Path) -> set[str]:
    with index.open("rb") as opened:
        content = json.loads(opened.read(MAX_INDEX))
    return set(content["weight_map"].values())
