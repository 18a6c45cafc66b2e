"""Finds the files of a repository in the hub's cache on this machine.

The cache belongs to all programs that use the hub, so a checkpoint that another one downloaded is found, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phosphene.catalogue.offers import Part
from phosphene.embedding.plain import settings
from phosphene.errors import ModelError
from phosphene.generators.diffusers.families import Family
from phosphene.hub import cached

INDEX = "model_index.json"
# A classifier that blackens pictures. Folders of Stable Diffusion have it, and single files do not.
LEFT_OUT = ("safety_checker",)


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
    folders = [index.parent / name for name in used_components(_read(index))]
    return index.parent if folders and all(map(_is_whole, folders)) else None


def used_components(index: Mapping[str, Any]) -> list[str]:
    """The components to load of an index with entries such as `"vae": ["diffusers", "AutoencoderKL"]`."""
    return [
        name
        for name, kind in index.items()
        if isinstance(kind, list) and kind and kind[0] and name not in LEFT_OUT
    ]


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
    indices = [_shards(index) for index in folder.glob("*.safetensors.index*.json")]
    if indices:
        return any(all((folder / shard).is_file() for shard in shards) for shards in indices)
    return any(file.is_file() for file in folder.glob("*.safetensors"))  # not a link that leads nowhere


def _shards(index: Path) -> list[str]:
    """The files that an index names. One that cannot be read names a file that is never there."""
    named = _read(index).get("weight_map")
    return list(map(str, named.values())) if isinstance(named, dict) and named else ["unreadable"]


def _read(file: Path) -> dict[str, Any]:
    """A JSON object in the cache, or an empty one for a damaged file."""
    try:
        return settings(file)
    except ModelError:
        return {}
