"""Averaged weights, which are smoother than those of any one step."""

import copy
from typing import Any

import torch


class Average:
    """An exponential moving average of a module's floating-point state, in `module`.

    The first steps weigh more (decay (1 + n) / (10 + n)), so that the start is soon forgotten.
    """

    def __init__(self, module: torch.nn.Module, decay: float = 0.999) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.decay = decay
        self.count = 0

    @torch.no_grad()
    def update(self, module: torch.nn.Module) -> None:
        """Move towards `module`, which has just taken a step."""
        self.count += 1
        weight = 1 - min(self.decay, (1 + self.count) / (10 + self.count))
        for mine, its in zip(self.module.state_dict().values(), module.state_dict().values(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(its.to(mine.dtype), weight)
            else:
                mine.copy_(its)

    def state_dict(self) -> dict[str, Any]:
        """The averaged weights and how many updates made them."""
        return {"count": self.count, "module": self.module.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take such a state on."""
        self.count = state_dict["count"]
        self.module.load_state_dict(state_dict["module"])
