"""Tests of searching, filtering, counting and iterating."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from phosphene.errors import QueryError, VectorError
from phosphene.filters import GENERATED, IMPORTED, Equals, Filter, Not, Or, all_of, with_ids
from phosphene.store import Store
from phosphene.testing.example_images import made
from phosphene.testing.stores.comparing import (
    QUERY,
    UNKNOWN,
    above,
    assert_same_hits,
    everything,
    filled,
)

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


class SearchTests:
    """The tests of `near`, `iterate` and `count`, with and without filters."""

    def test_an_empty_store_finds_nothing(self, store: Store) -> None:
        assert store.near(QUERY, 10) == []
        assert list(store.iterate()) == []
        assert store.count() == 0
        assert store.near(QUERY, 10, diversity=0.5) == []

    @pytest.mark.parametrize("count", [0, 1, 10, 1000])
    def test_the_nearest_come_first_with_their_cosine_similarity(self, store: Store, count: int) -> None:
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
    def test_diverse_hits_begin_with_the_nearest_and_go_on_with_unlike_ones(
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
    def test_hits_bring_their_vectors_on_request(self, store: Store, diversity: float) -> None:
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

    def test_an_iteration_over_many_gives_vectors_only_on_request(self, store: Store) -> None:
        written = made(2500)
        store.upsert(written)

        found = {image.id: image.vector for image in store.iterate(vectors=True)}

        assert all(np.array_equal(found[image.id], image.vector) for image in written)
        assert all(image.vector is None for image in store.iterate())
