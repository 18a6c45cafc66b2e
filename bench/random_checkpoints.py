"""Checkpoints of true size with random weights, for the families whose settings come with phosphene.

Their pictures are noise, but they take the time and the memory of real ones.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file

from phosphene.generators.diffusers import components
from phosphene.generators.diffusers.components import Component
from phosphene.generators.diffusers.folder import named_components
from phosphene.generators.diffusers.single_file import CONFIGS

SHIPPED = tuple(sorted(path.name for path in CONFIGS.iterdir() if path.is_dir()))
DEVIATION = 0.02  # of the weights: small enough that no value overflows in half precision


def write(family: str, folder: Path) -> Path:
    """Write a checkpoint of a shipped family to a folder, in half precision."""
    shutil.copytree(CONFIGS / family, folder)
    torch.manual_seed(0)
    for component in _networks(folder):
        save_file(_weights(component), component.folder / f"{component.kind.stem}.safetensors")
    return folder


def _networks(folder: Path) -> Iterator[Component]:
    for name, class_name in named_components(folder).items():
        component = components.described(folder / name, name, class_name)
        if component.kind.kind == "network":
            yield component


def _weights(component: Component) -> dict[str, torch.Tensor]:
    """Random matrices; ones and zeros for what scales and shifts."""
    network = components.blank(component)
    return {name: _weight(name, each) for name, each in network.state_dict().items()}


def _weight(name: str, blank: torch.Tensor) -> torch.Tensor:
    if blank.ndim > 1:
        return (DEVIATION * torch.randn(blank.shape)).half()
    made = torch.ones if name.endswith("weight") else torch.zeros
    return made(blank.shape, dtype=torch.float16)
