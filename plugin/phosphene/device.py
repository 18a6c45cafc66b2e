"""The device on which models run: a GPU if there is one, and otherwise the CPU."""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.errors import ModelError
from phosphene.records import Precision

if TYPE_CHECKING:
    import torch


# Linux's files for GPUs of NVIDIA and AMD, and for those that Windows lends to its subsystem for Linux.
DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


def runtime(device: "torch.device", *packages: str) -> dict[str, str]:
    """What the last bits of a network's results depend on besides its weights: device and versions."""
    return {"device": device.type, **{package: version(package) for package in packages}}


def has_gpu() -> bool:
    """Whether there is a GPU that torch can use. Without a driver, torch is not even imported."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    may_be = sys.platform in ("darwin", "win32") or any(Path(driver).exists() for driver in DRIVERS)
    return may_be and pick_device("auto").type != "cpu"


def usual_precision(device: str) -> Precision:
    """The precision of pictures' vectors on a device, if nobody asks for another one.

    It is bf16 on GPUs that compute in it: three times as fast as fp32, at a cosine of 0.9999.
    """
    if device == "cpu" or (device == "auto" and not has_gpu()):
        return "fp32"
    import torch

    is_cuda = pick_device(device).type == "cuda"
    return "bf16" if is_cuda and torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"


def pick_device(name: str) -> "torch.device":
    """The torch device of a name such as `cpu`, `cuda:1` or `mps`. `auto` stands for the fastest one.

    Raises ModelError if this machine has no such device.
    """
    import torch

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, found in available.items() if found))
    kind = name.partition(":")[0]
    if not available.get(kind, False):
        devices = ", ".join(f"`{device}`" for device, found in available.items() if found)
        raise ModelError(
            f"This machine has no device `{name}`.", hint=f"it has {devices}; `--device auto` chooses one"
        )
    return torch.device(name)
