"""Which fields can be filtered, and by which values: what a store has to know before it compiles a filter."""

from datetime import UTC, datetime
from functools import cache
from math import ceil, floor, isfinite
from typing import Any, Literal, TypeAlias

from phosphene.errors import QueryError
from phosphene.filters import (
    EVERYTHING,
    Compare,
    Comparison,
    Equals,
    Filter,
    HasWords,
    In,
    Operator,
    all_of,
    simplified,
)
from phosphene.store import image_schema
from phosphene.times import instant, moment

FieldKind: TypeAlias = Literal["text", "words", "integer", "number", "time"]
KINDS: dict[str, FieldKind] = {"int": "integer", "number": "number", "date": "time", "uuid": "text"}
LARGEST = 2**63 - 1  # of the integers that stores hold; SQL has no literal for -(2**63)
FIRST, LAST = datetime(1678, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)  # nanoseconds in 64 bits
MEANINGS: dict[FieldKind, str] = {
    "text": "a text that is compared as a whole",
    "words": "a text that is found by its words",
    "integer": "a number",
    "number": "a number",
    "time": "a time",
}


@cache
def kinds() -> dict[str, FieldKind]:
    """The fields that can be filtered, and what their values, or the values in their lists, are.

    A text is found by its words if `schemas/image.json` splits it into words, and compared as a whole if not.
    """
    indexed = [each for each in image_schema.collection()["properties"] if each.get("indexFilterable")]
    return {"id": "text", **{each["name"]: _kind(each) for each in indexed}}


@cache
def lists() -> frozenset[str]:
    """The fields whose values are lists."""
    described = image_schema.collection()["properties"]
    return frozenset(each["name"] for each in described if each["dataType"][0].endswith("[]"))


def checked(where: Filter) -> Filter:
    """The filter simplified, with the values that its fields hold: integers, floats, or times in UTC.

    Equal numbers and times become comparisons from both sides. Raises QueryError for a field that no image
    has, and for a comparison that its values do not allow.
    """
    return simplified(where, _checked)


def _kind(described: dict[str, Any]) -> FieldKind:
    type = described["dataType"][0].removesuffix("[]")
    if type == "text":
        return "words" if described["tokenization"] == "word" else "text"
    return KINDS[type]


def _checked(where: Comparison) -> Filter:
    kind = kinds().get(where.field)
    if kind is None:
        raise QueryError(f"Images have no field `{where.field}`.", hint=f"use one of {', '.join(kinds())}")
    if kind == "words" and isinstance(where, HasWords):
        return where if where.words else EVERYTHING
    if kind == "text" and isinstance(where, Equals | In):
        return where
    if kind in ("words", "text") or isinstance(where, HasWords | In):
        raise QueryError(f"`{where.field}` is {MEANINGS[kind]}, so {where} has no meaning.")
    operators: tuple[Operator, ...] = (">=", "<=") if isinstance(where, Equals) else (where.operator,)
    return all_of(*(_fitted(kind, Compare(where.field, each, where.value)) for each in operators))


def _fitted(kind: FieldKind, where: Compare) -> Compare:
    """The same comparison with a value of the field's type."""
    if kind == "time":
        return Compare(where.field, where.operator, _time(where.value))
    value = where.value
    if isinstance(value, str) or not isfinite(value):
        raise QueryError(f"`{value}` is not a number.", hint=f"compare `{where.field}` with a number")
    return (
        _of_integers(where, value)
        if kind == "integer"
        else Compare(where.field, where.operator, float(value))
    )


def _time(value: str | float) -> str:
    time = moment(str(value))
    if time is None:
        raise QueryError(f"`{value}` is not a time.", hint="write it like `2024-05-31T12:00:00Z`")
    return instant(min(max(time, FIRST), LAST).isoformat())


def _of_integers(where: Compare, value: float) -> Compare:
    """The comparison with an integer that holds for the same integers."""
    if value > LARGEST:
        return Compare(where.field, ">" if ">" in where.operator else "<=", LARGEST)
    if value < -LARGEST:
        return Compare(where.field, "<" if "<" in where.operator else ">=", -LARGEST)
    rounded = ceil if where.operator in (">=", "<") else floor
    return Compare(where.field, where.operator, rounded(value))
