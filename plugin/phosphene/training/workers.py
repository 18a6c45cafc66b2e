"""Threads that each do a share of a training step on one core.

Cores that share every small operation wait for one another most of the time; cores that
each have pictures of their own do not: half as fast again on two.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

Given = TypeVar("Given")
Result = TypeVar("Result")
Learnt: TypeAlias = tuple[
    float, tuple[Tensor, ...]
]  # a part's share of the loss, and of each weight's gradient


class Workers:
    """So many threads of one core each; with one, the caller's own thread and all its cores."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))

    def map(self, work: Callable[[Given], Result], things: Iterable[Given]) -> Iterator[Result]:
        """The results, in order; with one worker, without any thread."""
        return self._pool.map(work, things) if self.count > 1 else map(work, things)

    def learn(
        self, weights: Sequence[Tensor], work: Callable[[Given], Learnt], parts: Iterable[Given]
    ) -> float:
        """Set the gradients of a batch, each worker seeing a part of it; the loss."""
        losses, found = zip(*self.map(work, parts), strict=True)
        for weight, *shares in zip(weights, *found, strict=True):
            weight.grad = reduce(Tensor.add_, shares)
        return float(sum(losses))

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown()
