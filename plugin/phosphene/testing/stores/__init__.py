"""The conformance suite of stores, which tests the promises of the Protocol Store."""

from collections.abc import Iterator

import pytest

from phosphene.store import Store
from phosphene.testing.example_images import SPACE
from phosphene.testing.stores.deleting import DeletionTests
from phosphene.testing.stores.describing import FieldTests
from phosphene.testing.stores.finding_words import WordTests
from phosphene.testing.stores.handles import HandleTests, OpenStore
from phosphene.testing.stores.searching import SearchTests
from phosphene.testing.stores.upserting import UpsertTests

__all__ = ["SPACE", "OpenStore", "StoreTests"]


class StoreTests(UpsertTests, FieldTests, SearchTests, WordTests, DeletionTests, HandleTests):
    """The tests of the promises that the Protocol `phosphene.store.Store` makes.

    The fixture `open_store` returns a function that opens the store of the running test, in `SPACE`. The
    store is a new one for each test, and every call opens the same one again. The tests compare it with
    the simple store in `phosphene.testing.example_images`.
    """

    @pytest.fixture
    def again(self, open_store: OpenStore) -> Iterator[OpenStore]:
        """Yield a function that opens the store of this test again."""
        opened: list[Store] = []

        def open_again() -> Store:
            opened.append(open_store())
            return opened[-1]

        yield open_again
        for store in opened:
            store.close()

    @pytest.fixture
    def store(self, again: OpenStore) -> Store:
        """The store of this test."""
        return again()
