"""What a checkpoint uses besides: an IP-Adapter, the image encoder whose vectors it reads, and a TAESD.

They lie in the checkpoint's folder or beside its file, or in the hub's cache, where `phosphene models fetch`
puts them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from phosphene import catalogue
from phosphene.errors import ModelError, listed
from phosphene.generators.diffusers import components as parts
from phosphene.generators.diffusers.adapters import Adapter, read_adapter
from phosphene.generators.diffusers.components import IMAGE_ENCODER, Component
from phosphene.generators.diffusers.families import FAMILIES, Family

ENCODER_FOLDER = "image_encoder"


@dataclass(frozen=True, slots=True)
class Companions:
    """The companions that were found, by their headers."""

    adapter: Adapter | None = None
    image_encoder: Component | None = None
    tiny_vae: Component | None = None


def find_companions(place: Path, family: Family, adapter: Path | None = None) -> Companions:
    """The companions of the checkpoint whose files are in the folder `place`.

    `adapter` is the IP-Adapter that the user named: its file, or a folder that has it under its own name or
    in the layout of its repository. Raises ModelError if one of the files is damaged, or if there is no such
    adapter.
    """
    here = catalogue.beside(family)
    named = _named(adapter, family) if adapter else None
    file = named or _adapter_beside(place, family) or here.ip_adapter
    read = read_adapter(file) if file and family.adapter else None
    encoders = (place / ENCODER_FOLDER, *_encoders_beside(read, family), here.image_encoder)
    tiny = (place / family.tiny_vae.split("/")[-1] if family.tiny_vae else None, here.tiny_vae)
    return Companions(
        read,
        _first(encoders, ENCODER_FOLDER, IMAGE_ENCODER, read.dimension if read else None),
        _first(tiny, "tiny_vae", "AutoencoderTiny"),
    )


def dimension_of(image_encoder: Component) -> int:
    """The dimension of an image encoder's vectors."""
    return int(image_encoder.config["projection_dim"])


def _named(adapter: Path, family: Family) -> Path:
    """The file of the adapter that the user named. Raises ModelError if it does not exist or is of no use."""
    if family.adapter is None:
        with_adapter = [name for name, each in FAMILIES.items() if each.adapter]
        raise ModelError(
            f"The family `{family.name}` takes no IP-Adapter.", hint=f"use one of {listed(with_adapter)}"
        )
    found = adapter if adapter.is_file() else _adapter_beside(adapter, family)
    if found is None:
        raise ModelError(
            f"There is no IP-Adapter `{adapter}`.",
            hint=f"name the file, or a folder with `{Path(family.adapter.file).name}`",
        )
    return found


def _adapter_beside(place: Path, family: Family) -> Path | None:
    """The IP-Adapter in a folder, under its own name or in the layout of its repository."""
    if family.adapter is None:
        return None
    files = (place / family.adapter.file, place / Path(family.adapter.file).name)
    return next((file for file in files if file.is_file()), None)


def _encoders_beside(adapter: Adapter | None, family: Family) -> Iterator[Path]:
    """Where the image encoder of an adapter may lie: in its repository's layout, or beside it."""
    if adapter and family.adapter:
        depth = len(Path(family.adapter.file).parts)
        root = list(adapter.file.absolute().parents)[:depth][-1]
        yield root / family.adapter.image_encoder
        yield adapter.file.parent / ENCODER_FOLDER


def _first(
    folders: tuple[Path | None, ...], name: str, class_name: str, dimension: int | None = None
) -> Component | None:
    """The first folder that has a model, whose vectors have that dimension if one is given."""
    for folder in folders:
        if folder and (folder / "config.json").is_file():
            found = parts.find(folder, name, class_name)
            if dimension is None or dimension_of(found) == dimension:
                return found
    return None
