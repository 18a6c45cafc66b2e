from pathlib import Path

import numpy as np
import pytest

from phosphene.errors import QueryError, VectorError
from phosphene.search import Query, Term, parse, vector_of

BASIS = {"red": np.array([1, 0, 0]), "snow": np.array([0, 1, 0]), "trees": np.array([0, 0, 1])}


def embed(term: Term) -> np.ndarray:
    return BASIS[term.value].astype(np.float32)


def test_words_are_one_text() -> None:
    assert parse(["a", "red", "house"]) == parse("a red  house") == Query((Term("text", "a red house"),))


def test_signs_that_stand_alone_separate_terms_and_numbers_weigh_them() -> None:
    query = parse("2:red house + ./snow.jpg - 0.5:trees + id:1234")

    assert query.terms == (
        Term("text", "red house", 2.0),
        Term("picture", "./snow.jpg", 1.0),
        Term("text", "trees", -0.5),
        Term("id", "1234", 1.0),
    )


@pytest.mark.parametrize("text", ["red-roofed house", "C++ +1", "a house -", "night+day"])
def test_signs_inside_words_and_at_the_end_separate_nothing(text: str) -> None:
    [term] = parse(text).terms

    assert term.kind == "text"
    assert term.weight == 1


def test_a_quoted_query_reads_like_separate_words() -> None:
    assert parse(["red house - trees"]) == parse(["red", "house", "-", "trees"])


def test_a_leading_minus_leads_away() -> None:
    assert parse("- trees + snow").terms == (Term("text", "trees", -1.0), Term("text", "snow", 1.0))


@pytest.mark.parametrize("start", ["./a.jpg", "../a.jpg", "/tmp/a.jpg", "~/a.jpg"])
def test_what_begins_like_a_path_is_a_picture(start: str) -> None:
    assert parse(start).terms[0].kind == "picture"


def test_a_file_may_have_spaces_signs_and_line_ends_in_its_name(tmp_path: Path) -> None:
    name = tmp_path / "a - b +\n c.jpg"
    name.touch()

    assert parse([f"2:{name}", "-", "snow"]).terms == (
        Term("picture", str(name), 2.0),
        Term("text", "snow", -1.0),
    )


@pytest.mark.parametrize("words", ["", "   ", [], ["+"], "- trees"])
def test_a_query_that_looks_for_nothing_is_refused(words: str | list[str]) -> None:
    with pytest.raises(QueryError, match="the query") as caught:
        parse(words)

    assert "red house" in caught.value.hint


def test_a_weight_of_zero_is_refused_by_name() -> None:
    with pytest.raises(QueryError, match="`snow` has the weight 0"):
        parse("red + 0:snow")


@pytest.mark.parametrize("text", ["red", "2:red house + ./a.jpg - 0.5:trees", "- trees + id:12"])
def test_a_query_is_written_as_it_is_read(text: str) -> None:
    assert str(parse(text)) == text


def test_the_vector_of_a_query_is_the_weighted_sum_of_its_terms() -> None:
    vector = vector_of(parse("2:red + snow - trees"), embed)

    assert vector == pytest.approx(np.array([2, 1, -1]) / np.sqrt(6), abs=1e-6)


def test_one_term_keeps_its_vector_exactly() -> None:
    assert np.array_equal(vector_of(parse("3:red"), embed), embed(Term("text", "red")))


def test_terms_that_cancel_out_are_refused() -> None:
    with pytest.raises(VectorError, match="cancel out"):
        vector_of(parse("red - red"), embed)
