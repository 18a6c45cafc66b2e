"""A checkpoint in one safetensors file, as sites for checkpoints offer them.

The file has the weights of all networks, under the names that they had in their authors' own code (ldm), and
nothing else. The settings and the tokenizers of Stable Diffusion 1.5, 2.1 and XL are part of phosphene. A
folder beside the file, with the file's name but without its ending, may have other ones, as
`save_pretrained` writes them.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from phosphene.errors import ModelError
from phosphene.generators.diffusers import components as parts
from phosphene.generators.diffusers.components import Component
from phosphene.generators.diffusers.families import Family
from phosphene.generators.diffusers.folder import SavedCheckpoint, named_components
from phosphene.generators.diffusers.headers import Header, read_header, refuse_pickles
from phosphene.generators.diffusers.recognition import INDEX, family_of_header

if TYPE_CHECKING:
    import torch

    Weights = Mapping[str, torch.Tensor]

CONFIGS = Path(__file__).parent / "configs"
OPEN_CLIP = {"text_encoder": "cond_stage_model.model.", "text_encoder_2": "conditioner.embedders.1.model."}


def open_single_file(path: Path, asked: Family | None = None) -> SavedCheckpoint:
    """The checkpoint in a file. `asked` is the family that the user named.

    Raises ModelError if the file is damaged, of no known family, or not a whole checkpoint.
    """
    refuse_pickles(path)
    header = read_header(path)
    family = family_of_header(path, header)
    own = path.with_suffix("")
    configs = own if (own / INDEX).is_file() else CONFIGS / family.name
    named = named_components(configs)
    found = {name: parts.described(configs / name, name, kind) for name, kind in named.items()}
    components = {name: _with_weights(each, path, header) for name, each in found.items()}
    same_kind = asked is not None and asked.pipelines == family.pipelines
    return SavedCheckpoint(path, asked if asked and same_kind else family, components)


def _with_weights(component: Component, path: Path, header: Header) -> Component:
    """The component with its share of the file. Only the header is read."""
    if component.kind.kind != "network":
        return component
    import torch

    blank = parts.blank(component)
    shapes = {name: torch.empty(shape, device="meta") for name, shape in header.shapes.items()}
    try:
        converted = _converted(component.name, blank, shapes)
    except KeyError as error:
        raise ModelError(
            f"The checkpoint `{path}` is not whole: {component.name} (missing: {error.args[0]}).",
            hint="download the checkpoint again",
        ) from error
    own = Header((path,), {name: tuple(each.shape) for name, each in converted.items()})
    return replace(component, header=own, weights=partial(_read, component.name, blank, path))


def _read(name: str, blank: Any, path: Path) -> "dict[str, torch.Tensor]":
    """The weights of a component. Those of the others stay on disk."""
    from safetensors.torch import load_file

    return _converted(name, blank, load_file(path))


def _converted(name: str, network: Any, weights: "Weights") -> "dict[str, torch.Tensor]":
    """The weights of one network under the names of diffusers and transformers, by diffusers' own rules."""
    rules: Any = import_module("diffusers.loaders.single_file_utils")
    stored: dict[str, torch.Tensor] = dict(weights)
    prefix = OPEN_CLIP.get(name, "")
    if prefix and any(key.startswith(prefix) for key in stored):
        width = SimpleNamespace(config=SimpleNamespace(hidden_size=network.config.hidden_size))
        found = rules.convert_open_clip_checkpoint(width, stored, prefix=prefix)
    elif prefix:
        found = rules.convert_ldm_clip_checkpoint(stored)
    elif name == "unet":
        found = rules.convert_ldm_unet_checkpoint(stored, config=dict(network.config))
    else:
        found = rules.convert_ldm_vae_checkpoint(stored, config=dict(network.config))
    return dict(found)
