"""Dynamic batching: the items of many requests are computed in few forward passes.

Requests take turns, one item each, so that a request with many items does not keep others waiting.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from phosphene.vectors import Vector, Vectors

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Pending(Generic[T]):
    """An item that has no vector yet, and the future that will hold its vector."""

    item: T
    vector: asyncio.Future[Vector]


class Batcher(Generic[T]):
    """A queue in front of a model. `run` empties it, one forward pass after the other."""

    def __init__(
        self,
        compute: Callable[[Sequence[T]], Vectors],
        pool: Executor,
        *,
        batch_size: int,
        batch_wait: float,
        arriving: Callable[[], bool],
    ) -> None:
        """Run `compute` in `pool`, on up to `batch_size` items at a time.

        While `arriving` says that more items are on their way, a pass waits for up to `batch_wait` seconds.
        """
        self.compute, self.pool = compute, pool
        self.batch_size, self.batch_wait, self.arriving = batch_size, batch_wait, arriving
        self.queue: deque[deque[_Pending[T]]] = deque()  # the pending items of each request
        self.changed = asyncio.Event()

    async def vectors(self, items: Sequence[T]) -> list[Vector]:
        """Return the vectors of some items, in order. They may be computed in several passes.

        Raises what the model raises on one of these items. Other requests in the same pass still get
        their vectors.
        """
        loop = asyncio.get_running_loop()
        pending = [_Pending(item, loop.create_future()) for item in items]
        if pending:
            self.queue.append(deque(pending))
        self.changed.set()
        return list(await asyncio.gather(*(one.vector for one in pending)))

    async def run(self) -> None:
        """Compute pass after pass, until cancelled."""
        while True:
            await self._wait_for_batch()
            batch = self._next_batch()
            if batch:
                await self._compute(batch)

    async def _wait_for_batch(self) -> None:
        """Wait for an item; then until the batch is full, the time is up, or no other item is on its way.

        While a pass is computed, the next requests queue up by themselves. The wait is for the first
        pass after a pause, which would otherwise take a single item and keep all others waiting.
        """
        while not self.queue:
            await self._change()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.batch_wait):
                while sum(map(len, self.queue)) < self.batch_size and self.arriving():
                    await self._change()

    async def _change(self) -> None:
        self.changed.clear()
        await self.changed.wait()

    def _next_batch(self) -> list[_Pending[T]]:
        """Take the next batch, one item of each request in turn; drop those whose request timed out."""
        batch: list[_Pending[T]] = []
        while self.queue and len(batch) < self.batch_size:
            request = self.queue.popleft()
            one = request.popleft()
            if request:
                self.queue.append(request)
            if not one.vector.done():
                batch.append(one)
        return batch

    async def _compute(self, batch: Sequence[_Pending[T]]) -> None:
        done = asyncio.get_running_loop().run_in_executor(
            self.pool, self.compute, [one.item for one in batch]
        )
        await asyncio.wait([done])
        error = done.exception()
        if error is None:
            for one, vector in zip(batch, done.result(), strict=True):
                if not one.vector.done():
                    one.vector.set_result(vector)
        elif len(batch) > 1:  # one of the items caused the error, so compute each alone
            for one in batch:
                await self._compute([one])
        elif not batch[0].vector.done():
            batch[0].vector.set_exception(error)
