"""The precision in which a checkpoint computes, by what the device is good at."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def pick_dtype(device: "torch.device") -> "torch.dtype":
    """bfloat16 where the device multiplies in it, float16 on other GPUs, and float32 on other CPUs.

    Without AMX, a CPU is slower in bfloat16 than in float32.
    """
    import torch

    if device.type == "cpu":
        return torch.bfloat16 if _has_amx() else torch.float32
    if device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0):
        return torch.bfloat16
    return torch.float16


def _has_amx() -> bool:
    import torch

    return bool(torch.cpu.get_capabilities().get("amx_bf16", False))
