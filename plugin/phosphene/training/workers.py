"""Threads that each compute a share of a training step on one core.

Cores that share every small operation mostly wait for one another. Cores that have pictures of their own do
not: a training on two cores is half as fast again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
R = TypeVar("R")
LossAndGradients: TypeAlias = tuple[float, tuple[Tensor, ...]]  # the share of a part of a batch in both


class Workers:
    """Threads of one core each. If `count` is 1, the work is done in the caller's thread on all cores."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))

    def map(self, work: Callable[[T], R], things: Iterable[T]) -> Iterator[R]:
        """The results, in order."""
        return self._pool.map(work, things) if self.count > 1 else map(work, things)

    def learn(
        self, weights: Sequence[Tensor], work: Callable[[T], LossAndGradients], parts: Iterable[T]
    ) -> float:
        """Set the gradients of a batch, of which each worker computes a part. Returns the loss."""
        losses, found = zip(*self.map(work, parts), strict=True)
        for weight, *shares in zip(weights, *found, strict=True):
            weight.grad = reduce(Tensor.add_, shares)
        return float(sum(losses))

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()
