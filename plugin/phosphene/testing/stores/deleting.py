"""Tests of deleting images, and of writing and deleting in turn."""

from dataclasses import replace

import numpy as np
import pytest

from phosphene.store import Store
from phosphene.testing.example_images import Oracle, made
from phosphene.testing.stores.comparing import QUERY, TEXTS, UNKNOWN, assert_same_hits, everything


class DeletionTests:
    """The tests of `delete`."""

    def test_a_deleted_image_is_gone_with_its_thumbnail(self, store: Store) -> None:
        one, two, three = made(3)
        store.upsert([one, two, three])

        assert store.delete([one.id, three.id, UNKNOWN, one.id]) == 2

        assert list(store.iterate()) == [two]
        assert [hit.image for hit in store.near(QUERY, 5)] == [two]
        assert set(store.thumbnails([one.id, two.id, three.id])) == {two.id}
        assert store.delete([one.id]) == store.delete([]) == 0

    def test_a_deleted_image_can_be_written_again(self, store: Store) -> None:
        store.upsert(made(3))
        store.delete([image.id for image in made(3)])
        store.upsert(made(3))

        assert everything(store) == made(3)

    @pytest.mark.parametrize("seed", range(6))
    def test_a_sequence_of_writes_and_deletions_ends_as_in_the_oracle(self, store: Store, seed: int) -> None:
        random, oracle, pool = np.random.default_rng(seed), Oracle(), made(12)
        for _ in range(8):
            numbers = random.integers(0, len(pool), size=random.integers(0, 7))
            images = [replace(pool[number], caption=TEXTS[random.integers(len(TEXTS))]) for number in numbers]
            if random.random() < 0.6:
                store.upsert(images)
                oracle.upsert(images)
            else:
                ids = [image.id for image in images]
                assert store.delete(ids) == oracle.delete(ids)

        ids = [image.id for image in pool]
        assert everything(store) == everything(oracle)
        assert store.get(ids) == oracle.get(ids)
        assert store.thumbnails(ids) == oracle.thumbnails(ids)
        assert_same_hits(store.near(QUERY, 20), oracle.near(QUERY, 20))
