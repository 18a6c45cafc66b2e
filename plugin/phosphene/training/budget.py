"""How long a training lasts, and its learning rate on the way."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from phosphene.errors import ModelError

MAX_MINUTES = 525_600.0  # a year
MAX_STEPS = 10**9


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to train: minutes, steps, or both, whichever ends first."""

    minutes: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        fits = self.minutes is None or 0 < self.minutes <= MAX_MINUTES  # false for NaN, too
        fits &= self.steps is None or 0 < self.steps <= MAX_STEPS
        if not fits or (self.minutes is None and self.steps is None):
            raise ModelError(
                f"A training cannot end after {self.minutes} minutes and {self.steps} steps.",
                f"give minutes above 0 and up to {MAX_MINUTES:,.0f}, or steps from 1 to {MAX_STEPS:,}",
            )

    def progress(self, seconds: float, steps: int) -> float:
        """The share of the budget that is spent, in [0, 1]."""
        timed = seconds / (60 * self.minutes) if self.minutes else 0.0
        counted = steps / self.steps if self.steps else 0.0
        return min(1.0, max(timed, counted))


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """One step: its number from 0, and the share of the budget that was spent before it."""

    number: int
    progress: float


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """The progress of a training: the share of its budget that is spent, the step, and the loss."""

    share: float
    step: int
    loss: float


def cosine(progress: float, peak: float, *, warmup: float = 0.03, floor: float = 0.0) -> float:
    """The learning rate: a linear rise over `warmup` of the budget, then half a cosine down to `floor`."""
    if progress < warmup:
        return peak * (progress + 1e-3) / (warmup + 1e-3)
    fallen = (progress - warmup) / (1 - warmup)
    return float(floor + (peak - floor) * 0.5 * (1 + np.cos(np.pi * fallen)))


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group of parameters this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def checked(loss: float, step: int) -> float:
    """The loss. Raises ModelError if it is not a finite number. This happens before any weight is changed."""
    if not math.isfinite(loss):
        raise diverged(f"the loss of step {step} is {loss}")
    return loss


def diverged(what: str) -> ModelError:
    """The error of a training that reached NaN or infinity."""
    return ModelError(
        f"The training has diverged: {what}.",
        "run the same command again to continue from the last checkpoint, and if it diverges again, delete"
        " the folder of the training and choose another `--seed`",
    )
