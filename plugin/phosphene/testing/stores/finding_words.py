"""Tests of `by_words`, for stores that have it."""

from dataclasses import replace

import pytest

from phosphene.filters import GENERATED, Filter, Not, with_ids
from phosphene.folding import words_of
from phosphene.records import Image
from phosphene.store import FindsWords, Store
from phosphene.testing.example_images import made
from phosphene.testing.stores.comparing import UNKNOWN
from phosphene.vectors import Vector

TEXTS = (
    ("a red house", "a red house in the snow by the lake"),
    ("a boat on the lake",),
    ("Zürich, naïve Ærø",),
    ("the snow, and the snow again",),
    ("a tree",),
    (),
)


def texts(store: Store) -> tuple[FindsWords, list[Image[Vector]]]:
    """The store with images of these captions, and a prompt for the last one. Skips if it finds no words."""
    if not isinstance(store, FindsWords):
        pytest.skip("this store does not find images by words")
    finder: FindsWords = store
    images = [
        replace(image, caption=max(captions, key=len, default=""), captions=captions)
        for image, captions in zip(made(len(TEXTS)), TEXTS, strict=True)
    ]
    images[-1] = replace(images[-1], fields=replace(images[-1].fields, prompt="a castle by the lake"))
    store.upsert(images)
    return finder, images


class WordTests:
    """The tests of `by_words`, whose scores may differ between stores, but not which images have a word."""

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            ("lake", {0, 1, 5}),
            ("LAKE castle", {0, 1, 5}),
            ("zurich", {2}),
            ("aero tree", {2, 4}),
            ("snow", {0, 3}),
            ("zebra", set()),
            ("hous", set()),
        ],
    )
    def test_images_with_any_of_the_words_are_found(
        self, store: Store, asked: str, expected: set[int]
    ) -> None:
        finder, images = texts(store)

        found = finder.by_words(words_of(asked), 10)

        assert {hit.image.id for hit in found} == {images[place].id for place in expected}
        assert all(hit.score > 0 for hit in found)
        assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)

    def test_an_image_with_more_and_rarer_words_comes_first(self, store: Store) -> None:
        finder, images = texts(store)

        assert finder.by_words(words_of("lake boat"), 1)[0].image.id == images[1].id
        assert finder.by_words(words_of("castle lake"), 3)[0].image.id == images[5].id
        assert len(finder.by_words(words_of("lake"), 2)) == 2

    @pytest.mark.parametrize(
        ("where", "expected"),
        [(GENERATED, {5}), (Not(GENERATED), {0, 1}), (with_ids([UNKNOWN]), set())],
    )
    def test_a_filter_narrows_what_is_found(self, store: Store, where: Filter, expected: set[int]) -> None:
        finder, images = texts(store)

        found = finder.by_words(words_of("lake"), 10, where)

        assert {hit.image.id for hit in found} == {images[place].id for place in expected}

    def test_no_words_and_an_empty_store_find_nothing(self, store: Store) -> None:
        if isinstance(store, FindsWords):
            assert store.by_words(words_of("lake"), 5) == []
            assert store.by_words([], 5) == []
