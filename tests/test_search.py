from pathlib import Path

import numpy as np
import pytest

from phosphene.errors import QueryError, VectorError
from phosphene.query import Query, Term, parse
from phosphene.query.terms import Terms, vector_of

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


def test_a_leading_minus_makes_a_negative_term() -> None:
    assert parse("- trees + snow").terms == (Term("text", "trees", -1.0), Term("text", "snow", 1.0))


@pytest.mark.parametrize("start", ["./a.jpg", "../a.jpg", "/tmp/a.jpg", "~/a.jpg"])
def test_a_term_that_begins_like_a_path_is_a_picture(start: str) -> None:
    assert parse(start).terms[0].kind == "picture"


@pytest.mark.parametrize(
    "name", ["a.jpg", "pics/a.JPG", "my pics/a b.png", "~you/a", "C:\\a", "c:/a.png", "file:///a%20b"]
)
def test_a_term_that_looks_like_a_file_is_a_picture_even_if_the_file_is_missing(name: str) -> None:
    assert parse(["2:" + name]).terms == (Term("picture", name, 2.0),)


def test_a_word_stays_text_even_if_a_folder_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("house").mkdir()
    Path("lake").touch()
    assert [parse(word).terms[0].kind for word in ("house", "lake", ".jpg")] == ["text"] * 3


def test_a_file_url_names_its_file() -> None:
    assert parse("file:///tmp/a%20b%E9.png").files == [Path("/tmp/a b\udce9.png")]


@pytest.mark.parametrize(
    "text", ["http://a.org/b.jpg", "2:https://a.org", "boat + S3://a/b.png", "file://host/a.png"]
)
def test_addresses_on_the_network_are_refused(text: str) -> None:
    with pytest.raises(QueryError, match="is an address, and phosphene does not download pictures"):
        parse(text)


@pytest.mark.parametrize("text", ["16:9 wallpaper", "16:9", "4:30 pm", "12:45-13:15", "2:16:9 wallpaper"])
def test_a_ratio_and_a_time_of_day_are_text(text: str) -> None:
    assert parse(text).terms == (Term("text", text),)


@pytest.mark.parametrize("text", ["3d render", "1950s car", "35mm film", "id-card", "é"])
def test_a_weight_may_stand_before_a_word_that_begins_with_digits(text: str) -> None:
    assert parse(f"2:{text}").terms == (Term("text", text, 2.0),)


def test_a_weight_that_no_vector_can_hold_is_refused() -> None:
    with pytest.raises(
        QueryError, match=r"`house` has the weight inf, but weights must be above 0 and at most 1,000,000"
    ):
        parse("9" * 400 + ":house")


def test_text_that_is_not_unicode_is_refused_but_file_names_are_not() -> None:
    with pytest.raises(QueryError, match="not valid UTF-8"):
        parse("une maison enneig\udce9e")
    assert parse("caf\udce9.png").files == [Path("caf\udce9.png")]


def test_a_file_name_that_is_too_long_is_an_error(tmp_path: Path) -> None:
    [term] = parse("x" * 5000 + ".png").terms
    with pytest.raises(QueryError, match="cannot be read: file name too long"):
        Terms(None, None, load=None).vector(term)  # type: ignore[arg-type]


def test_a_file_may_have_spaces_signs_and_line_ends_in_its_name(tmp_path: Path) -> None:
    name = tmp_path / "a - b +\n c.jpg"
    name.touch()

    assert parse([f"2:{name}", "-", "snow"]).terms == (
        Term("picture", str(name), 2.0),
        Term("text", "snow", -1.0),
    )


@pytest.mark.parametrize("words", ["", "   ", [], ["+"], "- trees"])
def test_a_query_without_positive_terms_is_refused(words: str | list[str]) -> None:
    with pytest.raises(QueryError, match="The query") as caught:
        parse(words)

    assert "red house" in caught.value.hint


def test_a_weight_of_zero_is_refused_by_name() -> None:
    with pytest.raises(QueryError, match="`snow` has the weight 0"):
        parse("red + 0:snow")


@pytest.mark.parametrize("text", ["red", "2:red house + ./a.jpg - 0.5:trees", "- trees + id:12"])
def test_a_query_is_written_as_it_was_parsed(text: str) -> None:
    assert str(parse(text)) == text


def test_the_vector_of_a_query_is_the_weighted_sum_of_its_terms() -> None:
    vector = vector_of(parse("2:red + snow - trees"), embed)

    assert vector == pytest.approx(np.array([2, 1, -1]) / np.sqrt(6), abs=1e-6)


def test_one_term_keeps_its_vector_exactly() -> None:
    assert np.array_equal(vector_of(parse("3:red"), embed), embed(Term("text", "red")))


def test_terms_that_cancel_out_are_refused() -> None:
    with pytest.raises(VectorError, match="cancel each other out"):
        vector_of(parse("red - red"), embed)
