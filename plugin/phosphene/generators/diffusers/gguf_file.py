"""A network in one GGUF file, whose weights are quantised and stay so in memory.

Such a file has the network that removes noise and nothing else. Everything else comes from a base: the folder
beside the file that has its name without its ending, or the checkpoint of the family that is on this machine.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phosphene import catalogue, extras
from phosphene.errors import ModelError, listed
from phosphene.generators.diffusers import components as parts
from phosphene.generators.diffusers.components import Component
from phosphene.generators.diffusers.families import Family
from phosphene.generators.diffusers.folder import SavedCheckpoint, open_folder
from phosphene.generators.diffusers.headers import Header
from phosphene.generators.diffusers.recognition import DENOISER, INDEX

if TYPE_CHECKING:
    import torch

SUFFIX = ".gguf"
ARCHITECTURES: Mapping[str, str] = {"flux": "flux1", "sd1": "sd15", "sdxl": "sdxl"}  # as such files name them
FLUX = "double_blocks."  # the beginning of names in the authors' own code


def open_gguf(path: Path, asked: Family | None = None) -> SavedCheckpoint:
    """The checkpoint of a GGUF file and its base. `asked` is the family that the user named.

    Raises ModelError if the file is damaged or of another architecture, or if there is no base, and
    MissingExtraError without the extra `gguf`.
    """
    extras.require("gguf")
    architecture, header = _read(path)
    if architecture not in ARCHITECTURES:
        raise ModelError(
            f"`{path}` is a GGUF file of the architecture `{architecture[:80]}`.",
            hint=f"phosphene reads those of {listed(ARCHITECTURES)}",
        )
    base = open_folder(_base(path, ARCHITECTURES[architecture]), asked)
    name = "unet" if "unet" in base.components else "transformer"
    component = base.components[name]
    blank = parts.blank(component)
    shapes = _converted(name, blank, header)
    own = replace(header, shapes={key: tuple(each.shape) for key, each in shapes.items()})
    read = replace(component, header=own, open=partial(_open, component, path))
    return SavedCheckpoint(path, base.family, {**base.components, name: read})


def _base(path: Path, family: str) -> Path:
    """The folder that has everything but the network. Raises ModelError if there is none."""
    beside = path.with_suffix("")
    base = beside if (beside / INDEX).is_file() else catalogue.find(family)
    if base is None or not base.is_dir():
        raise ModelError(
            f"`{path}` has only a network, and there is no checkpoint with the rest of `{family}`.",
            hint=f"run `phosphene models fetch {family}`, or put a folder of diffusers at `{beside}`",
        )
    return base


def _read(path: Path) -> tuple[str, Header]:
    """The architecture that a file names, and the names and shapes of its weights."""
    reader: Any = import_module("gguf").GGUFReader
    try:
        read = reader(path)
        architecture = str(read.fields["general.architecture"].contents())
        shapes = {each.name: tuple(map(int, reversed(each.shape))) for each in read.tensors}
    except (ValueError, KeyError, IndexError, OSError, OverflowError) as error:
        raise ModelError(
            f"`{path}` is not a GGUF file, or it is truncated.", hint="download it again"
        ) from error
    return architecture, Header((path,), shapes, quantised=True)


def _converted(name: str, network: Any, header: Header) -> "dict[str, torch.Tensor]":
    """The weights without memory under the names of diffusers, by diffusers' own rules."""
    import torch

    rules: Any = import_module("diffusers.loaders.single_file_utils")
    stored = {key: torch.empty(shape, device="meta") for key, shape in header.shapes.items()}
    try:
        if name == "unet":
            return dict(rules.convert_ldm_unet_checkpoint(_prefixed(stored), config=dict(network.config)))
        if any(FLUX in key for key in stored):
            return dict(rules.convert_flux_transformer_checkpoint_to_diffusers(stored))
    except (KeyError, IndexError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"`{header.files[0]}` is not whole: {name} ({error}).", hint="download it again"
        ) from error
    return stored


def _prefixed(weights: "Mapping[str, Any]") -> dict[str, Any]:
    """The weights of a UNet under whole names. Some files leave the beginning out."""
    return {name if name.startswith(DENOISER) else DENOISER + name: each for name, each in weights.items()}


def _open(component: Component, path: Path, dtype: "torch.dtype") -> Any:
    """The network, which multiplies with weights that are unpacked for each layer in turn."""
    diffusers: Any = import_module("diffusers")
    reading: Any = import_module("diffusers.models.model_loading_utils")
    weights = reading.load_gguf_checkpoint(str(path))
    return component.kind.load().from_single_file(
        _prefixed(weights) if component.name == "unet" else weights,
        quantization_config=diffusers.GGUFQuantizationConfig(compute_dtype=dtype),
        config=str(component.folder.parent),
        subfolder=component.folder.name,
        torch_dtype=dtype,
        local_files_only=True,
    )
