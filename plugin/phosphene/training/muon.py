"""Muon for convolutions: momentum whose singular values are all made one (Jordan et al. 2024).

torch has Muon for matrices. Here a filter (out, in, h, w) is the matrix (out, in * h * w), and the
iteration runs on the small Gram matrix, which takes a third of the time for such wide matrices.
"""

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor

QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's coefficients: five rounds lead to about 0.7 to 1.2
ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """For weights of two and more dimensions inside a network; the rest is for AdamW."""

    def __init__(
        self,
        weights: Iterable[Tensor],
        lr: float = 0.02,
        momentum: float = 0.95,
        *,
        each: Callable[[Callable[[Tensor], None], Iterable[Tensor]], Iterable[None]] = map,
    ) -> None:
        """`each` is how the weights are gone through: `map`, or that of a pool of threads."""
        super().__init__(list(weights), {"lr": lr, "momentum": momentum})
        self._each = each

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Move every weight along its orthogonalised momentum (Nesterov's)."""
        for group in self.param_groups:
            move = partial(self._move, rate=group["lr"], keep=group["momentum"])
            deque(self._each(move, [weight for weight in group["params"] if weight.grad is not None]), 0)

    @torch.no_grad()
    def _move(self, weight: Tensor, *, rate: float, keep: float) -> None:
        gradient = weight.grad
        assert gradient is not None, "chosen for it"
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum = state["momentum"].lerp_(gradient, 1 - keep)
        direction = orthogonal(torch.lerp(gradient, momentum, keep).flatten(1))
        stretch = max(1.0, direction.shape[0] / direction.shape[1]) ** 0.5
        weight.add_(direction.view(weight.shape), alpha=-rate * stretch)


def orthogonal(matrix: Tensor) -> Tensor:
    """The matrix (m, n) with its singular values near one.

    Each round of Newton and Schulz multiplies by a polynomial of X X^T. The polynomials commute, so
    their product is built up at the smaller of the two sizes and multiplied on once.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    wide = matrix.T if tall else matrix
    wide = wide / (wide.norm() + 1e-7)
    gram = wide @ wide.T
    a, b, c = QUINTIC
    total = None
    for _ in range(ROUNDS):
        factor = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal().add_(a)
        total = factor if total is None else factor @ total
        gram = factor @ gram @ factor
    result: Tensor = total @ wide
    return result.T if tall else result
