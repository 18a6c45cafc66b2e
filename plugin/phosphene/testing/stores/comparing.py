"""Examples for tests of stores, and the comparison of a store with the simple one in memory."""

import numpy as np
import pytest

from phosphene.filters import EVERYTHING, Filter
from phosphene.records import Hit, Image
from phosphene.store import Store
from phosphene.testing.example_images import Oracle, made
from phosphene.vectors import unit

UNKNOWN = "00000000-0000-5000-8000-ffffffffffff"  # the id of no image
QUERY = unit(np.arange(8) - 2.0)
TEXTS = [
    "it's",
    'say "hi"',
    "two\nlines\tand\r\n",
    "$(rm -rf ~)",
    "--x; DROP TABLE images",
    "ünïcödé 雪 🏠",
    "\\'",
    "%_",
    "",
]


def everything(store: Store, where: Filter = EVERYTHING) -> list[Image]:
    """The images of a store, in the order of their ids."""
    return sorted(store.iterate(where), key=lambda image: image.id)


def assert_same_hits(hits: list[Hit], expected: list[Hit]) -> None:
    """Assert that hits and scores are the same. Hits with scores within 1e-6 may be in any order."""
    scores = [hit.score for hit in hits]
    assert scores == pytest.approx([hit.score for hit in expected], abs=1e-5)
    assert scores == sorted(scores, reverse=True)
    last = min((hit.score for hit in expected), default=0) + 1e-6
    assert above(hits, last) == above(expected, last)


def above(hits: list[Hit], score: float) -> list[Image]:
    """The images of the hits with a higher score, in the order of their ids."""
    return sorted((hit.image for hit in hits if hit.score > score), key=lambda image: image.id)


def filled(store: Store, count: int) -> Oracle:
    """Write `count` images into the store and into an oracle, and return the oracle."""
    oracle = Oracle()
    for each in (store, oracle):
        each.upsert(made(count))
    return oracle
