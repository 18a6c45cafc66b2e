"""The conformance suite of stores: what every Store promises, see `phosphene.testing`."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from phosphene.errors import QueryError, StoreError, VectorError
from phosphene.filters import EVERYTHING, GENERATED, IMPORTED, Equals, Filter, Not, Or, all_of, with_ids
from phosphene.records import Hit, Image
from phosphene.store import Store
from phosphene.testing.example_images import SPACE, Oracle, made
from phosphene.vectors import unit

__all__ = ["SPACE", "OpenStore", "StoreTests"]

OpenStore = Callable[[], Store]
UNKNOWN = "00000000-0000-5000-8000-ffffffffffff"
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
FILTERS = {
    "imported": IMPORTED,
    "generated": GENERATED,
    "some ids": with_ids(image.id for image in made(60)[::7]),
    "no ids": with_ids([]),
    "unknown ids": with_ids([UNKNOWN, "it's", ""]),
    "without ids": Not(with_ids(image.id for image in made(60)[::2])),
    "all three": all_of(
        IMPORTED,
        with_ids(image.id for image in made(40)),
        Not(with_ids(image.id for image in made(20))),
    ),
    "either": Or((GENERATED, with_ids(image.id for image in made(20)))),
    "neither": Not(Or((GENERATED, with_ids(image.id for image in made(20))))),
    "another field": Equals("sha256", f"{7:064x}"),
}


def everything(store: Store, where: Filter = EVERYTHING) -> list[Image]:
    """The images of a store, in the order of their ids."""
    return sorted(store.iterate(where), key=lambda image: image.id)


def assert_same_hits(hits: list[Hit], expected: list[Hit]) -> None:
    """The hits and their scores are the same. Where scores are within 1e-6, the order is free."""
    scores = [hit.score for hit in hits]
    assert scores == pytest.approx([hit.score for hit in expected], abs=1e-5)
    assert scores == sorted(scores, reverse=True)
    last = min((hit.score for hit in expected), default=0) + 1e-6
    assert above(hits, last) == above(expected, last)


def above(hits: list[Hit], score: float) -> list[Image]:
    """The images of the hits with a higher score, in the order of their ids."""
    return sorted((hit.image for hit in hits if hit.score > score), key=lambda image: image.id)


def filled(store: Store, count: int) -> Oracle:
    """Write `count` images into the store and into the oracle that is returned."""
    oracle = Oracle()
    for each in (store, oracle):
        each.upsert(made(count))
    return oracle


class StoreTests:
    """What is promised at the Protocol `phosphene.store.Store`.

    The fixture `open_store` returns a function that opens the store of the running test, in `SPACE`. The
    store is a new one for each test, and every call opens the same one again. Stores are compared with the
    plain one in `phosphene.testing.example_images`.
    """

    @pytest.fixture
    def again(self, open_store: OpenStore) -> Iterator[OpenStore]:
        """Opens the store of this test once more."""
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

    # ── writing and getting ───────────────────────────────────────────────────────────────

    def test_an_image_comes_back_as_it_was_written(self, store: Store) -> None:
        written = made(5)

        store.upsert(written)

        assert store.get([image.id for image in written]) == written
        assert store.space == SPACE
        assert store.info().kind
        assert store.info().writable

    def test_vectors_come_back_bit_by_bit_if_they_are_asked_for(self, store: Store) -> None:
        written = made(5)
        store.upsert(written)

        found = store.get([image.id for image in written], vectors=True)

        assert all(np.array_equal(a.vector, b.vector) for a, b in zip(found, written, strict=True))
        assert {image.vector.dtype for image in found} == {np.dtype(np.float32)}

    def test_images_come_in_the_order_asked_for_and_unknown_ids_are_skipped(self, store: Store) -> None:
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

    # ── searching ─────────────────────────────────────────────────────────────────────────

    def test_an_empty_store_finds_nothing(self, store: Store) -> None:
        assert store.near(QUERY, 10) == []
        assert list(store.iterate()) == []
        assert store.count() == 0
        assert store.near(QUERY, 10, diversity=0.5) == []

    @pytest.mark.parametrize("count", [0, 1, 10, 1000])
    def test_the_nearest_come_first_with_their_cosine(self, store: Store, count: int) -> None:
        oracle = filled(store, 200)

        assert_same_hits(store.near(QUERY, count), oracle.near(QUERY, count))

    def test_scores_reach_from_one_to_minus_one_and_never_beyond(self, store: Store) -> None:
        same_way, other_way = made(2)
        store.upsert([replace(same_way, vector=QUERY), replace(other_way, vector=-QUERY)])

        best, worst = store.near(QUERY, 2)

        assert best.score == pytest.approx(1, abs=1e-6)
        assert worst.score == pytest.approx(-1, abs=1e-6)
        assert -1 <= worst.score <= best.score <= 1

    def test_equal_vectors_are_all_found(self, store: Store) -> None:
        twins = [replace(image, vector=QUERY) for image in made(4)]
        store.upsert([*twins, *made(20, start=4)])

        assert above(store.near(QUERY, 4), 0) == twins

    @pytest.mark.parametrize("diversity", [0.2, 0.5, 1.0])
    def test_diverse_hits_are_the_nearest_and_then_what_is_like_none_of_them(
        self, store: Store, diversity: float
    ) -> None:
        oracle = filled(store, 120)

        found = store.near(QUERY, 12, IMPORTED, diversity=diversity)

        expected = oracle.near(QUERY, 12, IMPORTED, diversity=diversity)
        assert [hit.image for hit in found] == [hit.image for hit in expected]
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in expected], abs=1e-5)
        assert found[0] == store.near(QUERY, 1, IMPORTED)[0]

    @pytest.mark.parametrize("diversity", [-0.1, 1.1, float("nan")])
    def test_a_diversity_outside_zero_to_one_is_refused(self, store: Store, diversity: float) -> None:
        with pytest.raises(QueryError, match="The diversity is"):
            store.near(QUERY, 3, diversity=diversity)

    @pytest.mark.parametrize("diversity", [0.0, 0.5])
    def test_hits_bring_their_vectors_if_they_are_asked_for(self, store: Store, diversity: float) -> None:
        store.upsert(made(60))
        stored = {image.id: image.vector for image in made(60)}

        found = store.near(QUERY, 10, IMPORTED, diversity=diversity, vectors=True)
        without = store.near(QUERY, 10, IMPORTED, diversity=diversity)

        assert [hit.image.id for hit in found] == [hit.image.id for hit in without]
        assert all(np.array_equal(hit.image.vector, stored[hit.image.id]) for hit in found)

    @pytest.mark.parametrize("where", FILTERS.values(), ids=FILTERS)
    def test_a_filter_holds_for_search_count_and_iteration(self, store: Store, where: Filter) -> None:
        oracle = filled(store, 60)

        assert_same_hits(store.near(QUERY, 10, where), oracle.near(QUERY, 10, where))
        assert store.count(where) == oracle.count(where)
        assert everything(store, where) == everything(oracle, where)

    def test_ten_thousand_ids_are_allowed(self, store: Store) -> None:
        store.upsert(made(30))
        known = [image.id for image in made(20)]
        many = [*known, *(f"00000000-0000-5000-8000-1{number:011}" for number in range(10_000))]

        assert {hit.image.id for hit in store.near(QUERY, 50, with_ids(many))} == set(known)
        assert len(store.near(QUERY, 50, Not(with_ids(many)))) == 10
        assert len(store.get(many)) == len(store.thumbnails(many)) == 20
        assert store.delete(many) == 20

    @pytest.mark.parametrize("vector", [np.ones(7, np.float32), np.ones((2, 8), np.float32)])
    def test_a_query_of_another_dimension_is_refused(self, store: Store, vector: NDArray[Any]) -> None:
        with pytest.raises(VectorError, match="`tiny`, whose vectors have 8 numbers"):
            store.near(vector, 3)

    def test_an_iteration_over_many_gives_vectors_only_if_they_are_asked_for(self, store: Store) -> None:
        written = made(2500)
        store.upsert(written)

        found = {image.id: image.vector for image in store.iterate(vectors=True)}

        assert all(np.array_equal(found[image.id], image.vector) for image in written)
        assert all(image.vector is None for image in store.iterate())

    # ── deleting ──────────────────────────────────────────────────────────────────────────

    def test_what_is_deleted_is_gone_with_its_thumbnail(self, store: Store) -> None:
        one, two, three = made(3)
        store.upsert([one, two, three])

        assert store.delete([one.id, three.id, UNKNOWN, one.id]) == 2

        assert list(store.iterate()) == [two]
        assert [hit.image for hit in store.near(QUERY, 5)] == [two]
        assert set(store.thumbnails([one.id, two.id, three.id])) == {two.id}
        assert store.delete([one.id]) == store.delete([]) == 0

    def test_what_was_deleted_can_be_written_again(self, store: Store) -> None:
        store.upsert(made(3))
        store.delete([image.id for image in made(3)])
        store.upsert(made(3))

        assert everything(store) == made(3)

    # ── more than one handle ──────────────────────────────────────────────────────────────

    def test_what_is_written_is_in_the_very_next_search_of_another_handle(
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

    def test_a_store_that_is_opened_again_is_as_it_was_left(self, store: Store, again: OpenStore) -> None:
        store.upsert(made(5))
        store.close()

        opened = again()

        assert everything(opened) == made(5)
        assert opened.space == SPACE

    # ── sequences ─────────────────────────────────────────────────────────────────────────

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
