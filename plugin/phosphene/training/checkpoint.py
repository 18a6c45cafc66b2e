"""Checkpoints: the state of a training in one file. A checkpoint is read as data, never as code."""

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from phosphene.errors import ModelError
from phosphene.files import write_whole
from phosphene.training.budget import diverged

# The errors that damaged files of torch, numpy and JSON raise, depending on where the damage is.
DAMAGE = (
    RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, pickle.UnpicklingError,
)  # fmt: skip


class Stateful(Protocol):
    """A part of a checkpoint: a module, an optimizer or an average of a module."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that is needed to continue."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Restore such a state."""
        ...


def write(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint, whole or not at all.

    Raises ModelError if a weight is not a finite number, because then the previous checkpoint is better.
    """
    for name, part in state["parts"].items():
        if not _finite(part):
            raise diverged(f"a weight of `{name}` is not a finite number after step {state['steps']}")
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    write_whole(path, buffer.getvalue())


def read(path: Path) -> dict[str, Any]:
    """The state in a file. Raises ModelError if the file is damaged."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {**state}
    except DAMAGE as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> ModelError:
    """The error of a checkpoint that cannot be read."""
    message = f"The checkpoint `{path}` is damaged ({type(error).__name__})."
    return ModelError(message, "delete it to begin anew")


def copy_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy those weights into a module that fit it by name and shape."""
    mine = module.state_dict()
    fitting = {name: its for name, its in weights.items() if name in mine and its.shape == mine[name].shape}
    module.load_state_dict(mine | fitting)


def _finite(state: Any) -> bool:
    """Whether all numbers in a nested state are finite."""
    if isinstance(state, Tensor):
        return not state.is_floating_point() or bool(torch.isfinite(state).all())
    if isinstance(state, Mapping):
        return all(map(_finite, state.values()))
    return not isinstance(state, list | tuple) or all(map(_finite, state))
