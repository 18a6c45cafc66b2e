"""Filters are simplified, split into ids and a rest, and compiled to SQL."""

import pytest

from oracle import made
from phosphene.errors import QueryError
from phosphene.filters import (
    EVERYTHING,
    GENERATED,
    IMPORTED,
    NOTHING,
    And,
    Compare,
    Equals,
    Filter,
    HasWords,
    Not,
    Or,
    all_of,
    any_of,
    matches,
    of_origin,
    simplified,
    split_ids,
    with_ids,
)
from phosphene.folding import words_of
from phosphene.store.filterable import checked
from phosphene.store.lance.conditions import condition

A, B = Equals("uri", "a"), Equals("uri", "b")


@pytest.mark.parametrize(
    ("where", "simple"),
    [
        (EVERYTHING, EVERYTHING),
        (Not(EVERYTHING), NOTHING),
        (Not(Not(A)), A),
        (Not(And((A, B))), Or((Not(A), Not(B)))),
        (Not(Or((A, Not(B)))), And((Not(A), B))),
        (And((A, And((B, EVERYTHING)))), And((A, B))),
        (And((A, with_ids([]))), NOTHING),
        (Or((A, Not(with_ids([])))), EVERYTHING),
    ],
)
def test_a_filter_is_simplified(where: Filter, simple: Filter) -> None:
    assert simplified(where) == simple


def test_a_comparison_can_be_replaced_by_a_constant() -> None:
    assert simplified(And((A, Not(B))), lambda each: NOTHING if each == B else each) == A
    assert simplified(And((A, Not(B))), lambda each: NOTHING if each == A else each) == NOTHING


def test_ids_are_split_from_the_rest() -> None:
    where = all_of(IMPORTED, with_ids("abc"), with_ids("bcd"), Not(with_ids("c")))

    assert split_ids(where) == (frozenset("bc"), frozenset("c"), IMPORTED)
    assert split_ids(EVERYTHING) == (None, frozenset(), EVERYTHING)


def test_a_filter_tells_which_images_match() -> None:
    images = made(6)  # every third is generated
    first = images[0].id

    assert [matches(GENERATED, image) for image in images] == [False, False, True] * 2
    assert [matches(any_of(GENERATED, with_ids([first])), image) for image in images[:3]] == [
        True,
        False,
        True,
    ]
    assert all(matches(of_origin(None), image) for image in images)
    assert of_origin("generated") == GENERATED
    assert of_origin("imported") == IMPORTED


def test_sql_is_quoted_and_keeps_rows_without_a_value() -> None:
    assert condition(Equals("uri", "it's")) == "uri IN ('it''s')"
    assert condition(IMPORTED) == "(origin IN ('generated')) IS NOT TRUE"
    assert condition(Or((A, B))) == "(uri IN ('a') OR uri IN ('b'))"
    assert condition(EVERYTHING) == "true"
    assert condition(NOTHING) == "false"


def test_a_field_that_no_image_has_is_refused() -> None:
    with pytest.raises(QueryError, match="no field `colour; --`") as raised:
        condition(Equals("colour; --", "red"))
    assert "caption" in raised.value.hint


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (Compare("uri", "<", "b"), "`uri` is a text that is compared as a whole"),
        (Equals("caption", "house"), "`caption` is a text that is found by its words"),
        (HasWords("width", frozenset(["wide"])), "`width` is a number"),
        (Equals("width", "wide"), "`wide` is not a number"),
        (Compare("width", ">", float("nan")), "`nan` is not a number"),
        (Compare("created", ">", "yesterday"), "`yesterday` is not a time"),
        (Compare("norm", ">", 1), "no field `norm`"),
    ],
)
def test_a_comparison_without_a_meaning_is_refused(where: Filter, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        checked(where)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (Compare("width", ">", 4.5), Compare("width", ">", 4)),
        (Compare("width", ">=", 4.5), Compare("width", ">=", 5)),
        (Compare("width", "<", 4.5), Compare("width", "<", 5)),
        (Compare("width", "<=", 2.0**70), Compare("width", "<=", 2**63 - 1)),
        (
            Compare("created", "<", "2024-01-01T01:00:00+01:00"),
            Compare("created", "<", "2024-01-01T00:00:00Z"),
        ),
    ],
)
def test_a_value_gets_the_type_of_its_field(where: Filter, found: Filter) -> None:
    assert checked(where) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ærø, İstanbul ﬁne", {"aero", "istanbul", "fine"}),
        ("snow_house f/2.8", {"snow", "house", "f", "2", "8"}),
        ("cafe\u0301 ΟΔΟΣ", {"cafe", "οδοσ"}),
        ("東京 夜景", {"東京", "夜景"}),
        ("… --", set()),
    ],
)
def test_words_have_neither_case_nor_accents(text: str, words: set[str]) -> None:
    assert words_of(text) == words
