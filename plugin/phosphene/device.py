"""Where models run: the choice of the GPU, or of the CPU where there is none."""

from typing import TYPE_CHECKING

from phosphene.errors import ModelError

if TYPE_CHECKING:
    import torch


def pick_device(name: str) -> "torch.device":
    """The torch device of a name such as `cpu`, `cuda:1` or `mps`; `auto` is the fastest one here.

    Raises ModelError where this machine has no such device.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, found in there.items() if found))
    kind = name.partition(":")[0]
    if not there.get(kind, False):
        devices = ", ".join(f"`{device}`" for device, found in there.items() if found)
        raise ModelError(
            f"this machine has no device `{name}`", hint=f"it has {devices}; `--device auto` chooses"
        )
    return torch.device(name)
