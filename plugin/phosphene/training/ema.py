"""An exponential moving average (EMA) of a module's weights, which is smoother than those of any one step.

torch's `AveragedModel` averages buffers too. diffusers' `EMAModel` leaves them out, and the statistics of
batch normalisation in a CLIP are buffers.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def ema_of(module: nn.Module, decay: float = 0.999) -> AveragedModel:
    """The average of a module, in `.module`. Call `.update_parameters(module)` after each step."""

    def average(averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        if not averaged.is_floating_point():
            return current
        return torch.lerp(averaged, current, pull(int(count), decay))

    averaged = AveragedModel(module, avg_fn=average, use_buffers=True)
    averaged.module.eval().requires_grad_(False)
    return averaged


def pull(count: int, decay: float) -> float:
    """How far the average moves to the weights after a step, in [0, 1], if it has moved `count` times before.

    The first steps weigh more, by the decay (1 + n) / (10 + n), so that the initial weights are soon
    forgotten.
    """
    steps = count + 1
    return 1 - min(decay, (1 + steps) / (10 + steps)) if count else 1.0


def averaged_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of the module itself, out of that of its average."""
    start = "module."
    return {name.removeprefix(start): value for name, value in state.items() if name.startswith(start)}
