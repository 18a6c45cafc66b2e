"""Threads that each do a share of a training step on one core.

Cores that share every small operation wait for one another most of the time; cores that
each have pictures of their own do not: half as fast again on two.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Given = TypeVar("Given")
Result = TypeVar("Result")


class Workers:
    """So many threads of one core each; with one, the caller's own thread and all its cores."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))

    def map(self, work: Callable[[Given], Result], things: Iterable[Given]) -> Iterator[Result]:
        """The results, in order; with one worker, without any thread."""
        return self._pool.map(work, things) if self.count > 1 else map(work, things)

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown()
