"""Tests of writing images to a store and getting them back."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from phosphene.errors import StoreError, VectorError
from phosphene.store import Store
from phosphene.testing.example_images import SPACE, made
from phosphene.testing.stores.comparing import QUERY, TEXTS, UNKNOWN, everything


class UpsertTests:
    """The tests of `upsert`, `get` and `thumbnails`."""

    def test_an_image_comes_back_as_it_was_written(self, store: Store) -> None:
        written = made(5)

        store.upsert(written)

        assert store.get([image.id for image in written]) == written
        assert store.space == SPACE
        assert store.info().kind
        assert store.info().writable

    def test_vectors_come_back_bit_by_bit_on_request(self, store: Store) -> None:
        written = made(5)
        store.upsert(written)

        found = store.get([image.id for image in written], vectors=True)

        assert all(np.array_equal(a.vector, b.vector) for a, b in zip(found, written, strict=True))
        assert {image.vector.dtype for image in found} == {np.dtype(np.float32)}

    def test_images_come_in_the_order_of_the_ids_and_unknown_ids_are_skipped(self, store: Store) -> None:
        one, two, three = made(3)
        store.upsert([one, two, three])

        assert store.get([three.id, UNKNOWN, one.id, three.id]) == [three, one, three]
        assert store.get([UNKNOWN]) == []
        assert store.get([]) == []

    @pytest.mark.parametrize("text", TEXTS)
    def test_any_text_survives(self, store: Store, text: str) -> None:
        [image] = made(1)
        image = replace(image, uri=text, caption=text, captions=(text, text + "!"), recipe={"prompt": text})

        store.upsert([image])

        assert store.get([image.id]) == [image]
        assert [hit.image for hit in store.near(QUERY, 3)] == [image]

    def test_text_that_is_not_unicode_is_refused_by_name(self, store: Store) -> None:
        image = replace(made(1)[0], uri="/home/me/\udcff.jpg")

        with pytest.raises(StoreError, match=r"\\udcff"):
            store.upsert([image])

        assert store.count() == 0

    def test_an_image_without_captions_recipe_and_parents_keeps_none(self, store: Store) -> None:
        bare = replace(made(1)[0], caption="", captions=(), recipe=None, parents=())

        store.upsert([bare])

        assert store.get([bare.id]) == [bare]

    def test_writing_twice_changes_nothing(self, store: Store) -> None:
        store.upsert(made(7))
        store.upsert(made(7))

        assert store.count() == 7
        assert everything(store) == made(7)

    def test_writing_again_replaces_and_the_search_knows(self, store: Store) -> None:
        one, two = made(2)
        store.upsert([one, two])

        moved = replace(one, caption="moved", vector=QUERY)
        store.upsert([moved])

        [best, other] = store.near(QUERY, 5)
        assert best.image == moved
        assert best.score == pytest.approx(1, abs=1e-6)
        assert other.image == two

    def test_the_last_of_equal_ids_in_a_batch_wins(self, store: Store) -> None:
        [first] = made(1)
        last = replace(first, caption="the last", thumbnail=b"the last")

        store.upsert([first, *made(2, start=1), last])

        assert store.count() == 3
        assert store.get([first.id]) == [last]
        assert store.thumbnails([first.id]) == {first.id: b"the last"}

    def test_writing_nothing_is_allowed(self, store: Store) -> None:
        store.upsert([])

        assert store.count() == 0

    @pytest.mark.parametrize("vector", [np.ones(7), np.ones(9), np.ones((1, 8)), None])
    def test_a_vector_of_another_dimension_is_refused_and_nothing_is_written(
        self, store: Store, vector: NDArray[Any] | None
    ) -> None:
        with pytest.raises(VectorError):
            store.upsert([*made(2), replace(made(3)[2], vector=vector)])  # type: ignore[arg-type]

        assert store.count() == 0
        assert store.thumbnails([image.id for image in made(3)]) == {}

    def test_thumbnails_come_by_id_and_outlive_a_write_without_one(self, store: Store) -> None:
        one, two = made(2)
        store.upsert([one, two])
        store.upsert([replace(one, thumbnail=None)])

        found = store.thumbnails([two.id, one.id, UNKNOWN])
        assert found == {one.id: one.thumbnail, two.id: two.thumbnail}
        assert store.thumbnails([]) == {}
