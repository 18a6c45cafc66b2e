"""Loads a checkpoint of a family, whole or not at all.

The headers of all files are checked before anything is loaded.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phosphene.catalogue.offers import how_to_fetch
from phosphene.config import expanded
from phosphene.device import pick_device
from phosphene.embedding import ImageEncoder
from phosphene.errors import ModelError
from phosphene.generation import Addition
from phosphene.generators.diffusers import components as parts
from phosphene.generators.diffusers.adapters import check_adapter, load_adapter
from phosphene.generators.diffusers.checkpoint import Checkpoint
from phosphene.generators.diffusers.companions import Companions, find_companions
from phosphene.generators.diffusers.components import Component
from phosphene.generators.diffusers.families import Family
from phosphene.generators.diffusers.folder import SavedCheckpoint, open_folder, pipeline_class
from phosphene.generators.diffusers.gguf_file import SUFFIX, open_gguf
from phosphene.generators.diffusers.identity import addition, contents, digest
from phosphene.generators.diffusers.lora import Lora, ReadLora, load_loras, read_lora
from phosphene.generators.diffusers.pipelines import build
from phosphene.generators.diffusers.placement import Placement, place
from phosphene.generators.diffusers.precision import pick_dtype
from phosphene.generators.diffusers.single_file import open_single_file
from phosphene.generators.diffusers.spaces import dimension_read, image_encoder, space_read
from phosphene.records import Space

if TYPE_CHECKING:
    import torch

IMAGE_ENCODER = "image_encoder"


@dataclass(frozen=True, slots=True)
class Target:
    """Where modules are loaded to: the device, the precision, and whether they wait in main memory."""

    device: "torch.device"
    dtype: "torch.dtype"
    placement: Placement

    def load(self, component: Component) -> Any:
        """Load a component that is whole, to the device."""
        with quiet():
            return self.move(parts.load(component, self.dtype))

    def move(self, module: Any) -> Any:
        """The module on the device. Tokenizers and schedulers stay what they are."""
        return module.to(self.device) if hasattr(module, "parameters") else module


def load(
    path: Path,
    *,
    space: Space,
    family: Family | None = None,
    device: str = "auto",
    adapter: Path | None = None,
    loras: Sequence[Lora] = (),
    compiled: bool = False,
    bare: bool = False,
) -> Checkpoint:
    """Load the checkpoint in a folder of diffusers or in one file.

    `space` is the library's. If its model is the one whose vectors the family reads, they can be used as they
    are. `family` is the one that the user named, for checkpoints that look alike. `adapter` is the file or
    the folder of an IP-Adapter; without it, one beside the checkpoint or in the hub's cache is used. LoRAs of
    weight 0 are left out. `bare` leaves out everything that lies beside the checkpoint. `compiled` lets torch
    compile the denoising network when it is first used, on a GPU by CUDA that has room for the whole
    checkpoint. Each size of pictures is compiled by itself.

    Raises ModelError if a file is damaged, a network is not whole, the family is unknown, or code would have
    to be run, and MissingExtraError for LoRAs without the extra `peft`.
    """
    saved = open_saved(expanded(path), family)
    place = saved.path if saved.path.is_dir() else saved.path.parent
    beside = Companions() if bare else find_companions(place, saved.family, adapter)
    with quiet():
        networks = _checked(saved, beside)
    read_loras = [read_lora(lora) for lora in loras if lora.weight]
    target = _target(saved, device)
    loaded = _loaded(saved, beside, read_loras, target)
    compiles = compiled and target.device.type == "cuda" and target.placement == "device"
    if compiles:
        _denoiser(loaded).compile()
    encoder = _encoder(saved, beside, loaded, space, target)
    dimension = dimension_read(saved.family, networks, beside.adapter)
    read = space_read(saved.family, dimension, encoder, space)
    added = _additions(beside, read_loras)
    return Checkpoint(
        family=saved.family,
        components={**dict.fromkeys(pipeline_class(saved.family)._optional_components), **loaded},
        weights=_identity(saved, beside, added),
        additions=added,
        compiled=compiles,
        device=target.device,
        dtype=target.dtype,
        size=_size(loaded, saved.family),
        reads_vectors=dimension is not None,
        space=read.id if read else None,
        dimension=dimension,
        image_encoder=encoder,
        tiny_vae=target.load(beside.tiny_vae) if beside.tiny_vae else None,
        size_on_disk=saved.size + (beside.adapter.header.size if beside.adapter else 0),
        size_in_memory=sum(saved.sizes_in_memory(target.dtype.itemsize)),
        licence=saved.family.licence,
    )


def open_saved(path: Path, asked: Family | None = None) -> SavedCheckpoint:
    """The checkpoint at a path, by its headers. `asked` is the family that the user named."""
    if path.is_dir():
        return open_folder(path, asked)
    return open_gguf(path, asked) if path.suffix.lower() == SUFFIX else open_single_file(path, asked)


@contextmanager
def quiet() -> Iterator[None]:
    """Let diffusers and transformers show no progress bars and no advice, because errors are ours to say."""
    libraries = [import_module(f"{name}.utils.logging") for name in ("diffusers", "transformers")]
    before = [(library.get_verbosity(), library.is_progress_bar_enabled()) for library in libraries]
    for library in libraries:
        library.disable_progress_bar()
        library.set_verbosity(logging.CRITICAL)
    try:
        with warnings.catch_warnings():  # the network of Chroma takes a part from where it is no longer
            warnings.filterwarnings("ignore", "`FluxPosEmbed` is deprecated", FutureWarning)
            yield
    finally:
        for library, (level, bars) in zip(libraries, before, strict=True):
            library.set_verbosity(level)
            if bars:
                library.enable_progress_bar()


def _checked(saved: SavedCheckpoint, beside: Companions) -> Mapping[str, Any]:
    """The networks without weights. Raises ModelError unless they and their companions are whole."""
    networks = saved.check()
    for component in filter(None, (beside.image_encoder, beside.tiny_vae)):
        parts.whole({component.name: component}, component.folder)
    if beside.adapter:
        check_adapter(beside.adapter, _denoiser(networks), saved.family)
    return networks


def _target(saved: SavedCheckpoint, device: str) -> Target:
    """Where a checkpoint is loaded to. Raises ModelError if it does not fit into memory."""
    chosen = pick_device(device)
    dtype = pick_dtype(chosen)
    return Target(chosen, dtype, place(saved, chosen, dtype))


def _loaded(
    saved: SavedCheckpoint, beside: Companions, loras: Sequence[ReadLora], target: Target
) -> dict[str, Any]:
    """The components with their adapter and their LoRAs."""
    with quiet():
        loaded = saved.load(target.dtype)
        if beside.adapter:
            load_adapter(beside.adapter, _denoiser(loaded))
        load_loras(loras, loaded, saved.family)
        if target.placement == "offloaded":
            pipeline = build(saved.family.pipelines["text-to-image"], loaded)
            pipeline.enable_model_cpu_offload(device=target.device)
            return loaded
        return {name: target.move(each) for name, each in loaded.items()}


def _denoiser(networks: Mapping[str, Any]) -> Any:
    return networks["unet"] if "unet" in networks else networks["transformer"]


def _encoder(
    saved: SavedCheckpoint, beside: Companions, loaded: Mapping[str, Any], space: Space, target: Target
) -> ImageEncoder | None:
    """The image encoder of a family. One that is a component of the checkpoint is loaded already."""
    found = saved.components.get(IMAGE_ENCODER) or beside.image_encoder

    def network() -> Any:
        assert found is not None
        return loaded[IMAGE_ENCODER] if found.name in loaded else target.load(found)

    encoder = image_encoder(saved.family, found, space, network, str(target.device))
    if encoder is None and saved.family.conditioning == "image_embeds":
        raise ModelError(
            f"`{saved.path}` needs the image encoder of its family, which is not here.",
            hint=how_to_fetch(saved.family.name),
        )
    return encoder


def _additions(beside: Companions, loras: Sequence[ReadLora]) -> tuple[Addition, ...]:
    """The IP-Adapter and the LoRAs."""
    adapter = [addition("adapter", beside.adapter.file)] if beside.adapter else []
    return (*adapter, *(addition("lora", each.lora.path, each.lora.weight) for each in loras))


def _identity(saved: SavedCheckpoint, beside: Companions, added: Sequence[Addition]) -> str:
    """The sha256 of everything that decides the pictures.

    An image encoder does where guidance is away from its vector of an empty picture.
    """
    adapter = [each.sha256 for each in added if each.kind == "adapter"] or None
    guides = beside.image_encoder if saved.family.conditioning == "image_embeds" else None
    loras = [[[each.sha256], each.weight] for each in added if each.kind == "lora"]
    return digest(saved.identity, adapter, contents(guides) if guides else None, loras)


def _size(loaded: Mapping[str, Any], family: Family) -> tuple[int, int]:
    """The default width and height: those that the networks were trained for, or else the family's."""
    unet, vae = loaded.get("unet"), loaded.get("vae")
    side = unet.config.sample_size * 8 if unet is not None else vae.config.get("sample_size") if vae else None
    return (side, side) if isinstance(side, int) else family.size
