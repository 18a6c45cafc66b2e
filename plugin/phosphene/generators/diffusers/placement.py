"""Whether a checkpoint fits into memory, by the headers of its files, and where its weights go.

On a GPU that is too small for all of it, one network at a time is there, and the others wait in the machine's
own memory.
"""

from typing import TYPE_CHECKING, Literal

from phosphene.byte_sizes import gigabytes
from phosphene.errors import ModelError
from phosphene.generators.diffusers.families import FAMILIES
from phosphene.generators.diffusers.folder import SavedCheckpoint
from phosphene.machine import ROOM, main_memory

if TYPE_CHECKING:
    import torch

Placement = Literal["device", "offloaded"]


def place(saved: SavedCheckpoint, device: "torch.device", dtype: "torch.dtype") -> Placement:
    """Where the weights of a checkpoint go. Raises ModelError if this machine has too little memory."""
    import torch

    gpu = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None
    sizes = saved.sizes_in_memory(dtype.itemsize)
    weights, largest = sum(sizes), max(sizes)
    found = placement(weights, largest, gpu, main_memory())
    if found is None:
        has = max(gpu or 0, main_memory())
        raise ModelError(
            f"`{saved.path}` needs about {gigabytes(weights + ROOM)} of memory, but this machine has"
            f" {gigabytes(has)}.",
            hint=smaller(has, dtype.itemsize),
        )
    return found


def placement(weights: int, largest: int, gpu: int | None, main: int) -> Placement | None:
    """Where weights go, or None if they fit nowhere. All sizes are bytes.

    `largest` are the weights of the largest network. `gpu` is what is free on the GPU, if one is used.
    """
    if weights + ROOM <= (main if gpu is None else gpu):
        return "device"
    if gpu is not None and largest + ROOM <= gpu and weights + ROOM <= main:
        return "offloaded"
    return None


def smaller(memory: int, itemsize: int) -> str:
    """The hint that names the largest family that fits into memory."""
    sizes = {name: round(family.parameters * 1e9) * itemsize + ROOM for name, family in FAMILIES.items()}
    fitting = [name for name in sizes if sizes[name] <= memory]
    if not fitting:
        return "use a machine with more memory, or the built-in generator"
    best = max(fitting, key=lambda name: sizes[name])
    return f"use a smaller family: `{best}` needs about {gigabytes(sizes[best])}"
