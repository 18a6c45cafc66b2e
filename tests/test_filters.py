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
    Equals,
    Filter,
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
from phosphene.store.lance.conditions import condition

A, B = Equals("caption", "a"), Equals("caption", "b")


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
    assert condition(Equals("caption", "it's")) == "caption = 'it''s'"
    assert condition(IMPORTED) == "(origin = 'generated') IS NOT TRUE"
    assert condition(Or((A, B))) == "(caption = 'a' OR caption = 'b')"
    assert condition(EVERYTHING) == "true"
    assert condition(NOTHING) == "false"


def test_a_field_that_no_image_has_is_refused() -> None:
    with pytest.raises(QueryError, match="no field `colour; --`") as raised:
        condition(Equals("colour; --", "red"))
    assert "caption" in raised.value.hint
