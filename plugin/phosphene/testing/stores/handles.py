"""Tests of a store that is opened more than once."""

from collections.abc import Callable

from phosphene.store import Store
from phosphene.testing.example_images import SPACE, made
from phosphene.testing.stores.comparing import QUERY, everything

OpenStore = Callable[[], Store]


class HandleTests:
    """The tests of two handles on one store, and of opening it again."""

    def test_the_next_search_of_another_handle_finds_written_images(
        self, store: Store, again: OpenStore
    ) -> None:
        other = again()
        assert other.near(QUERY, 3) == []

        for number in range(3):
            store.upsert(made(1, start=number))
            counts = {other.count(), len(other.near(QUERY, 9)), len(list(other.iterate()))}
            assert counts == {number + 1}

        other.delete([made(1)[0].id])
        assert store.count() == 2
        assert store.thumbnails([made(1)[0].id]) == {}

    def test_a_store_that_is_opened_again_holds_the_same_images(self, store: Store, again: OpenStore) -> None:
        store.upsert(made(5))
        store.close()

        opened = again()

        assert everything(opened) == made(5)
        assert opened.space == SPACE
