"""Muon, the optimizer for the matrices and filters inside a network, as in Jordan et al. 2024."""

from collections.abc import Iterable

import torch
from timm.optim.muon import Muon
from torch import Tensor


def muon(
    weights: Iterable[Tensor], rate: float = 0.02, *, fallback_rate: float = 2e-3, capturable: bool = False
) -> torch.optim.Optimizer:
    """Muon for weights of two and more dimensions. A filter (out, in, h, w) is a matrix (out, in * h * w).

    timm trains matrices that are too narrow for it with AdamW at the `fallback_rate`. Its own defaults differ
    from the paper in the momentum, the coefficients of the Newton-Schulz iteration and the scale of the
    learning rate. If it is `capturable`, a CUDA graph can hold its step.
    """
    return Muon(
        list(weights),
        lr=rate,
        momentum=0.95,
        nesterov=True,
        ns_coefficients="original",
        adjust_lr_fn="original",
        fallback_lr_scale=fallback_rate / rate,
        capturable=capturable,
    )
