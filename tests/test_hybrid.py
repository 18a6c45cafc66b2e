"""A hybrid search finds what is near to a query, and what has its words."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

import phosphene
from asked_library import QUERY, asked_library
from command import lines, run
from oracle import SPACE, made
from phosphene.errors import QueryError
from phosphene.filters import EVERYTHING, GENERATED
from phosphene.folding import words_of
from phosphene.library import Library
from phosphene.query import parse
from phosphene.query.hybrid import fused, scaled, words_to_find
from phosphene.records import Hit, Image
from phosphene.store import FindsWords
from phosphene.store.keywords import ranked
from phosphene.store.lance.store import LanceStore
from phosphene.store.lance.upkeep import Upkeep
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.store import WeaviateStore
from weaviate_server import Server

TEXTS = ("a boat", "a red house", "snow", "the red boat in the snow", "a red house in the snow at night", "")


def captioned(count: int = 30) -> Sequence[Image]:
    """Images of which every sixth has the same caption."""
    texts = [TEXTS[place % len(TEXTS)] for place in range(count)]
    return [
        replace(image, caption=text, captions=(text,) if text else ())
        for image, text in zip(made(count), texts, strict=True)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return asked_library(tmp_path / "a.lib", captioned())


@pytest.fixture
def library(folder: Path) -> Iterator[Library]:
    with phosphene.open(folder) as library:
        yield library


def ids(hits: Sequence[Hit]) -> list[str]:
    return [hit.image.id for hit in hits]


def test_scores_are_scaled_and_added_with_their_weights() -> None:
    one, two, three = made(3)
    near = [Hit(one, 0.9, relevance=0.7), Hit(two, 0.5), Hit(three, 0.1)]
    having = [Hit(three, 8.0), Hit(two, 2.0)]

    found = fused([(0.75, near), (0.25, having)])

    assert ids(found) == [one.id, two.id, three.id]
    assert [hit.score for hit in found] == pytest.approx([0.75, 0.375, 0.25])
    assert found[0].relevance == 0.7
    assert scaled([3.0, 3.0]) == [1.0, 1.0]
    assert scaled([]) == []


def test_the_ends_are_the_nearest_alone_and_the_words_alone(library: Library) -> None:
    assert isinstance(library.store, FindsWords)
    near, words = library.search(QUERY, 10), library.store.by_words({"red", "house", "snow"}, 10)

    assert ids(library.search(QUERY, 10, hybrid=1)) == ids(near)
    assert ids(library.search(QUERY, 10, hybrid=0)) == ids(words)
    assert words[0].image.caption == "a red house in the snow at night"
    mixed = library.search(QUERY, 30, hybrid=0.5)
    assert set(ids(mixed)) == {image.id for image in captioned()}
    assert all(0 <= hit.score <= 1 for hit in mixed)


def test_words_alone_need_no_model(library: Library) -> None:
    assert len(library.search("a boat", 20, hybrid=0)) == 10


def test_pages_filters_and_folding_go_together_with_words(library: Library) -> None:
    everything = library.search(QUERY, 30, hybrid=0.3)

    assert library.search(QUERY, 5, offset=5, hybrid=0.3) == everything[5:10]
    generated = library.search(QUERY, 30, hybrid=0.3, origin="generated")
    assert {hit.image.origin for hit in generated} == {"generated"}
    assert len(generated) == 10
    assert len(library.search(QUERY, 30, hybrid=0, where="height:..485")) == 4
    assert library.search(QUERY, 4, hybrid=0.3, fold=True)[0].image == everything[0].image


@pytest.mark.parametrize(
    ("query", "alpha", "diversity", "message"),
    [
        (QUERY, 1.5, 0.0, "The share of nearness is 1.5"),
        (QUERY, 0.5, 0.5, "cannot be diverse"),
        ("the", 0.0, 0.0, "has no words that captions could have"),
    ],
)
def test_what_makes_no_sense_is_refused(
    library: Library, query: str, alpha: float, diversity: float, message: str
) -> None:
    with pytest.raises(QueryError, match=message):
        library.search(query, hybrid=alpha, diversity=diversity)


def test_only_the_texts_that_are_looked_for_give_words() -> None:
    assert words_to_find(parse("2:a Red house + snow - trees rating:4")) == {"red", "house", "snow"}


def test_the_words_of_a_snapshot_are_scored_as_those_of_images(tmp_path: Path) -> None:
    images = captioned(60)
    store = LanceStore.create(tmp_path / "store", SPACE)
    store.upsert(images)
    words = words_of("red snow boat")

    for where in (EVERYTHING, GENERATED):
        found = {hit.image.id: hit.score for hit in store.by_words(words, 60, where)}
        assert found == pytest.approx(ranked(images, words, 60, where))
        without = LanceStore.open(tmp_path / "store", snapshots=False)
        assert {hit.image.id: hit.score for hit in without.by_words(words, 60, where)} == pytest.approx(found)
    store.close()


def test_too_many_images_for_a_snapshot_are_an_error(tmp_path: Path) -> None:
    store = LanceStore.create(tmp_path / "store", SPACE, upkeep=Upkeep(exact_up_to=20))
    store.upsert(captioned(30))

    with pytest.raises(
        QueryError, match="The library has 30 images, and LanceDB searches the words of at most 20"
    ):
        store.by_words({"red"}, 5)


def test_a_server_passes_over_its_stopwords(weaviate: Server) -> None:
    store = WeaviateStore.create(Address.parse(weaviate.url(f"Test{uuid4().hex}")), SPACE)
    store.upsert([replace(image, captions=("not a boat",)) for image in made(3)])

    assert store.by_words({"not"}, 5) == []
    assert len(store.by_words({"not", "boat"}, 5)) == 3
    store.close()


def test_the_command_searches_words_too(folder: Path) -> None:
    records = lines("-L", folder, "search", QUERY, "--hybrid", 0, "-n", 3, "--json")

    assert [record["caption"] for record in records] == ["a red house in the snow at night"] * 3
    assert run("-L", folder, "search", "width:1..", "--hybrid", 0.5).exit_code == 2
