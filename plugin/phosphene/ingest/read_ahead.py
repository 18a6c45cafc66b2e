"""Reads the items of a source ahead while the workers are busy, so that the total is known early."""

from collections import deque
from collections.abc import Iterable

from phosphene.records import Failure
from phosphene.sources import Item

MAX_WAITING = 100_000  # items that are read ahead. They take about 60 MB


class ReadAhead:
    """Reads a source once. Only the main thread may use it."""

    def __init__(self, items: Iterable[Item | Failure], most: int = MAX_WAITING) -> None:
        self.failures: list[Failure] = []  # the failures that the source has yielded so far
        self._items = iter(items)
        self._most = most
        self._waiting: deque[Item] = deque()
        self._count = 0
        self._ended = False

    @property
    def total(self) -> int | None:
        """The number of items of the source, or None until it has yielded the last one."""
        return self._count if self._ended else None

    def read(self) -> bool:
        """Read one more item. Returns False if the source has ended or enough items are waiting."""
        if self._ended or len(self._waiting) >= self._most:
            return False
        item = next(self._items, None)
        if item is None:
            self._ended = True
        elif isinstance(item, Failure):
            self.failures.append(item)
        else:
            self._waiting.append(item)
            self._count += 1
        return not self._ended

    def take(self, count: int) -> list[Item]:
        """The next `count` items, or fewer at the end of the source."""
        while len(self._waiting) < count and self.read():
            pass
        return [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
