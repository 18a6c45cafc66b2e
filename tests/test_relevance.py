"""Hits are judged, and a search may find nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import phosphene
from asked_library import QUERY, asked_library
from command import lines, run
from drawn_library import drawn_library
from phosphene.embedding.openclip import OpenClip
from phosphene.errors import QueryError
from phosphene.filters import with_ids
from phosphene.folding import words_of
from phosphene.library import Library
from phosphene.query import parse
from phosphene.records import Space
from phosphene.relevance import background
from phosphene.relevance.judging import random_queries
from phosphene.relevance.scale import MOST_IMAGES, on_scale, relevance, support
from phosphene.vectors import unit

KNOWN = "a red house in the snow"
UNKNOWN = ("a cat", "quarterly revenue spreadsheet", "two cats sleeping on a sofa", "qzxv wkjh")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_library(tmp_path_factory.mktemp("relevance"), 150)


@pytest.fixture
def library(drawn: Path) -> Iterator[Library]:
    with phosphene.open(drawn) as library:
        yield library


def test_what_the_library_shows_is_relevant_and_what_it_does_not_show_is_not(library: Library) -> None:
    found = library.search(KNOWN, cut="auto")

    assert found[0].relevance is not None
    assert found[0].relevance > 0.8
    assert [library.search(text, cut="auto") for text in UNKNOWN] == [[]] * len(UNKNOWN)


def test_a_cut_leaves_out_the_less_relevant_hits_and_keeps_the_order(library: Library) -> None:
    everything = library.search(KNOWN, 150)
    cut = library.search(KNOWN, 150, cut=0.8)

    assert [hit.image.id for hit in cut] == [
        hit.image.id for hit in everything if (hit.relevance or 0) >= 0.8
    ]
    assert 0 < len(cut) < len(everything) == 150


def test_words_that_no_picture_of_a_library_shows_find_nothing(library: Library) -> None:
    """The model knows deserts, but these pictures show other lands."""
    no_deserts = [image.id for image in library.store.iterate() if "desert" not in " ".join(image.captions)]
    query = parse("cactuses and a pyramid in the desert")
    vector = library.vector(query)

    assert library.judge.search(query, vector, 10, cut="auto")
    assert not library.judge.search(query, vector, 10, with_ids(no_deserts[:60]), cut="auto")


def test_a_picture_of_the_library_is_relevant_to_itself(library: Library) -> None:
    for image in list(library.store.iterate())[:20]:
        first = library.search(f"id:{image.id}", cut="auto")[0]
        assert (first.image.id, first.relevance) == (image.id, 1.0)


@pytest.mark.parametrize("count", [1, 5, 20])
def test_a_tiny_library_is_judged_by_its_few_pictures(tmp_path: Path, count: int) -> None:
    with phosphene.open(drawn_library(tmp_path, count)) as library:
        [image, *_] = library.store.iterate()
        own = library.search(max(image.captions, key=len), cut="auto")

        assert image.id in [hit.image.id for hit in own]
        assert library.search("a cat", cut="auto") == []
        assert library.search(f"id:{image.id}", cut="auto")[0].image.id == image.id


def test_a_library_of_copies_is_relevant_to_each_of_them(library: Library, tmp_path: Path) -> None:
    [one, *_] = library.store.iterate(vectors=True)
    with phosphene.open(tmp_path / "copies", model="landscape", create=True) as copies:
        ids = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(50)]
        copies.store.upsert([replace(one, id=id) for id in ids])
        found = copies.search(f"id:{ids[0]}", 50, cut="auto")

    assert [hit.relevance for hit in found] == [1.0] * 50


def test_negative_terms_and_mixed_queries_are_judged_by_random_queries_of_their_form(
    library: Library,
) -> None:
    id = next(library.store.iterate()).id

    for text in (f"{KNOWN} - trees", f"{KNOWN} + id:{id}", f"id:{id} - night"):
        hits = library.search(text, cut=0.0)
        assert all(hit.relevance is not None and 0 <= hit.relevance <= 1 for hit in hits)
    assert library.search(f"{KNOWN} - trees", cut="auto")
    assert not library.search("a cat - trees", cut="auto")


def test_diverse_hits_are_judged_like_others(library: Library) -> None:
    plain = {hit.image.id: hit.relevance for hit in library.search(KNOWN, 50, cut=0.0)}
    for hit in library.search(KNOWN, 5, diversity=0.5, cut=0.0):
        assert hit.relevance == pytest.approx(plain.get(hit.image.id, hit.relevance), abs=1e-6)


@pytest.mark.parametrize("cut", [-0.1, 1.1, float("nan")])
def test_a_cut_outside_its_range_is_refused(library: Library, cut: float) -> None:
    with pytest.raises(QueryError, match=r"The cut is .*, and must be between 0 and 1"):
        library.search(KNOWN, cut=cut)


def test_a_repeated_search_loads_no_model_and_is_judged_as_before(
    drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with phosphene.open(drawn) as library:
        before = library.search("a boat at sea")
    monkeypatch.setattr(OpenClip, "texts", None)
    monkeypatch.setattr(OpenClip, "spelled", None)
    with phosphene.open(drawn) as library:
        again = library.search("a boat at sea")

    assert [hit.relevance for hit in again] == [hit.relevance for hit in before]
    assert before[0].relevance is not None


def test_without_a_model_a_kept_search_still_answers_but_cannot_judge(tmp_path: Path) -> None:
    with phosphene.open(asked_library(tmp_path)) as library:
        assert [hit.relevance for hit in library.search(QUERY)] == [None] * 10


def test_a_damaged_background_is_made_again(library: Library) -> None:
    before = background.made(library.space, lambda: library.embedder)
    [file] = background._file(library.space).parent.glob(background._file(library.space).name)
    file.write_bytes(file.read_bytes()[:100])

    assert background.kept(library.space) is None
    np.testing.assert_array_equal(background.made(library.space, lambda: library.embedder), before)
    assert background.kept(library.space) is not None


def test_the_place_of_a_background_does_not_depend_on_what_a_manifest_says() -> None:
    folder = background._file(Space("a:b", "b", 4)).parent

    assert background._file(Space("x:../../elsewhere", "b", 4)).parent == folder


def test_the_command_shows_relevance_and_says_that_nothing_is_there(drawn: Path) -> None:
    records = lines("-L", drawn, "search", KNOWN, "--cut", "auto")
    nothing = run("-L", drawn, "search", "a cat", "--cut", "auto")

    assert all(2 / 3 <= record["relevance"] <= 1 for record in records)
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "nothing in this library looks like what you asked for" in nothing.stderr
    assert run("-L", drawn, "search", "a cat", "--cut", "most").exit_code == 2


def test_the_scale_is_0_for_the_mean_and_1_for_the_best_of_random_queries() -> None:
    chance = np.random.default_rng(0)
    pictures, random = unit(chance.normal(size=(3, 16))), unit(chance.normal(size=(100, 16)))
    cosines = pictures @ random.T

    np.testing.assert_allclose(on_scale(cosines.mean(axis=1), pictures, random), 0, atol=1e-6)
    np.testing.assert_allclose(on_scale(cosines.max(axis=1), pictures, random), 1, atol=1e-6)


def test_lonely_hits_have_less_support_and_large_libraries_need_more() -> None:
    together, alone = np.full(10, 1.0), np.array([1.0, *np.zeros(9)])

    assert support(together, 300) == 1
    assert support(alone, 300) < 1
    assert support(together, 30) > support(together, 3000) > support(together, MOST_IMAGES)
    assert support(together, 10**9) == support(together, MOST_IMAGES)


def test_spelled_words_are_not_relevant() -> None:
    np.testing.assert_allclose(relevance(np.array([0.5, 9.0])), [0.5, 1.0])
    assert relevance(np.array(9.0), spelled=0.6) < 0.01


def test_random_queries_without_a_direction_are_left_out() -> None:
    phrases = unit(np.random.default_rng(0).normal(size=(40, 8)))
    phrases[1] = phrases[0]
    query = parse("a - b")

    assert random_queries(parse("a"), phrases, None) is not None
    found = random_queries(query, phrases, None)
    assert found is not None
    assert len(found) == 39
    assert random_queries(query, np.repeat(phrases[:1], 40, axis=0), None) is None


def test_a_cut_hybrid_search_keeps_what_has_the_words(library: Library) -> None:
    assert library.search("a cat", cut="auto", hybrid=0.5) == []

    known = library.search(KNOWN, 100, cut="auto", hybrid=0.5)
    relevant = {hit.image.id for hit in library.search(KNOWN, 100, cut="auto")}
    assert relevant < {hit.image.id for hit in known}
    others = [hit.image for hit in known if hit.image.id not in relevant]
    assert all(words_of(*image.captions) & {"red", "house", "snow"} for image in others)
