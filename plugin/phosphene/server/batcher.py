"""Micro-batching: items of many requests, gathered into few forward passes.

Requests take turns, an item each, so that one of many items does not keep others waiting.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from phosphene.vectors import Vector, Vectors

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Item]):
    """An item without a vector yet, and where its vector goes."""

    item: Item
    vector: asyncio.Future[Vector]


class Batches(Generic[Item]):
    """A queue in front of a model. `run` empties it, one pass after the other."""

    def __init__(
        self,
        compute: Callable[[Sequence[Item]], Vectors],
        pool: Executor,
        *,
        most: int,
        gather: float,
        coming: Callable[[], bool],
    ) -> None:
        """`compute` is called in `pool` with up to `most` items; `coming` says whether others will come."""
        self.compute, self.pool = compute, pool
        self.most, self.gather, self.coming = most, gather, coming
        self.waiting: deque[deque[_Waiting[Item]]] = deque()  # of each request
        self.arrived = asyncio.Event()

    async def vectors(self, items: Sequence[Item]) -> list[Vector]:
        """The vectors of some items, in order; they may come from several passes.

        Raises what the model raised on one of them alone; other requests in the same pass are
        not touched.
        """
        loop = asyncio.get_running_loop()
        waiting = [_Waiting(item, loop.create_future()) for item in items]
        if waiting:
            self.waiting.append(deque(waiting))
        self.arrived.set()
        return list(await asyncio.gather(*(one.vector for one in waiting)))

    async def run(self) -> None:
        """Pass after pass, until cancelled."""
        while True:
            await self._gathered()
            batch = self._taken()
            if batch:
                await self._pass(batch)

    async def _gathered(self) -> None:
        """Wait for an item, then for a full batch, the time, or nobody else on the way: whichever is first.

        The next requests gather by themselves while a pass is computed. The time is for the first
        pass after a pause, which would otherwise go with a single item ahead of all others.
        """
        while not self.waiting:
            await self._arrival()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.gather):
                while sum(map(len, self.waiting)) < self.most and self.coming():
                    await self._arrival()

    async def _arrival(self) -> None:
        self.arrived.clear()
        await self.arrived.wait()

    def _taken(self) -> list[_Waiting[Item]]:
        """The next batch, in turn of all requests, without those whose client was told to come again."""
        batch: list[_Waiting[Item]] = []
        while self.waiting and len(batch) < self.most:
            request = self.waiting.popleft()
            one = request.popleft()
            if request:
                self.waiting.append(request)
            if not one.vector.done():
                batch.append(one)
        return batch

    async def _pass(self, batch: Sequence[_Waiting[Item]]) -> None:
        done = asyncio.get_running_loop().run_in_executor(
            self.pool, self.compute, [one.item for one in batch]
        )
        await asyncio.wait([done])
        error = done.exception()
        if error is None:
            for one, vector in zip(batch, done.result(), strict=True):
                if not one.vector.done():
                    one.vector.set_result(vector)
        elif len(batch) > 1:  # one of them is to blame: find out which
            for one in batch:
                await self._pass([one])
        elif not batch[0].vector.done():
            batch[0].vector.set_exception(error)
