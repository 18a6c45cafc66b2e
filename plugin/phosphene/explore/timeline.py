"""Lists images by time, without comparing them with anything."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from heapq import nlargest
from typing import Literal

from phosphene.filters import Filter, value_of
from phosphene.records import Image
from phosphene.store import Store
from phosphene.times import moment

TimeField = Literal["created", "taken"]
LONG_AGO = datetime.min.replace(tzinfo=UTC)


def listed(store: Store, where: Filter, count: int, *, sort: TimeField, offset: int = 0) -> list[Image]:
    """The `count` newest images for which a filter holds, after the first `offset` of them."""
    return nlargest(offset + count, store.iterate(where), key=newness(sort))[offset:]


def newest_first(images: Sequence[Image], sort: TimeField) -> list[Image]:
    """The images in the order of a time. Those without one come last."""
    return sorted(images, key=newness(sort), reverse=True)


def newness(field: TimeField) -> Callable[[Image], tuple[datetime, str]]:
    """A key that grows with the time of an image. Equal times are in the order of their ids."""
    return lambda image: (moment(value_of(image, field) or "") or LONG_AGO, image.id)
