"""Filters choose images of a store. Every store compiles them to its own query language.

    And((IMPORTED, Not(with_ids({"5f0c…", "91ab…"}))))

A field is `id` or a property of `schemas/image.json` with an index. An image without a value for a field is
not equal to any value, neither below nor above one, and has no words. So `Not` of each of these holds for it.
"""

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from phosphene.fields import NAMES
from phosphene.folding import words_of
from phosphene.records import Image, Origin
from phosphene.times import moment

Operator = Literal["<", "<=", ">", ">="]
OPERATORS: dict[Operator, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
TIMES = frozenset({"taken", "created"})  # their values are RFC 3339 in any notation, and compare as instants
Comparable: TypeAlias = str | int | float


@dataclass(frozen=True, slots=True)
class Equals:
    """Images whose field, or one of whose values if it is a list, is exactly this."""

    field: str
    value: Comparable


@dataclass(frozen=True, slots=True)
class In:
    """Images whose field has one of these values."""

    field: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Compare:
    """Images whose number or time is below or above a value."""

    field: str
    operator: Operator
    value: Comparable


@dataclass(frozen=True, slots=True)
class HasWords:
    """Images whose text, or whose texts together if the field is a list, have all of these words.

    The words are those that `words_of` finds in a text: small letters and digits without accents.
    """

    field: str
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class And:
    """Images for which all of these filters hold."""

    filters: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Images for which at least one of these filters holds."""

    filters: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Images for which a filter does not hold."""

    filter: "Filter"


Comparison: TypeAlias = Equals | In | Compare | HasWords
Filter: TypeAlias = Comparison | And | Or | Not

EVERYTHING: Filter = And(())
NOTHING: Filter = Or(())
GENERATED: Filter = Equals("origin", "generated")
# Every image that phosphene did not generate counts as imported, whatever its entry says. Another program may
# have written the entry, and libraries of format 1 say `training`.
IMPORTED: Filter = Not(GENERATED)
OF_FORMAT_1: Filter = Equals("origin", "training")  # entries that are not upgraded yet


def with_ids(ids: Iterable[str]) -> In:
    """The images of these ids."""
    return In("id", frozenset(ids))


def of_origin(origin: Origin | None) -> Filter:
    """The images of an origin, or all images if it is None."""
    if origin is None:
        return EVERYTHING
    return GENERATED if origin == "generated" else IMPORTED


def all_of(*filters: Filter) -> Filter:
    """The images for which all filters hold, without nested or empty `And`s."""
    parts = [part for each in filters for part in (each.filters if isinstance(each, And) else (each,))]
    if NOTHING in parts:
        return NOTHING
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def any_of(*filters: Filter) -> Filter:
    """The images for which at least one filter holds, without nested or empty `Or`s."""
    parts = [part for each in filters for part in (each.filters if isinstance(each, Or) else (each,))]
    if EVERYTHING in parts:
        return EVERYTHING
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def simplified(where: Filter, replaced: Callable[[Comparison], Filter] = lambda each: each) -> Filter:
    """The same filter with `Not` only around comparisons, and constants only as the whole filter.

    `replaced` may put another filter in the place of a comparison. What a store has to compile is then
    EVERYTHING, NOTHING, or a tree of `And`, `Or`, comparisons and negated comparisons.
    """
    return _simplified(where, replaced, negated=False)


def _simplified(where: Filter, replaced: Callable[[Comparison], Filter], *, negated: bool) -> Filter:
    if isinstance(where, Not):
        return _simplified(where.filter, replaced, negated=not negated)
    if isinstance(where, And | Or):
        joined = all_of if isinstance(where, And) != negated else any_of  # De Morgan's laws
        return joined(*(_simplified(each, replaced, negated=negated) for each in where.filters))
    found = replaced(where)
    if found != where:
        return _simplified(found, lambda each: each, negated=negated)
    if isinstance(found, In) and not found.values:
        return EVERYTHING if negated else NOTHING
    return Not(found) if negated else found


def split_ids(where: Filter) -> tuple[frozenset[str] | None, frozenset[str], Filter]:
    """The ids that a filter is limited to (None: no limit), the ids that it leaves out, and its rest."""
    only: frozenset[str] | None = None
    without: frozenset[str] = frozenset()
    rest: list[Filter] = []
    for part in where.filters if isinstance(where, And) else (where,):
        if isinstance(part, In) and part.field == "id":
            only = part.values if only is None else only & part.values
        elif isinstance(part, Not) and isinstance(part.filter, In) and part.filter.field == "id":
            without |= part.filter.values
        else:
            rest.append(part)
    return only, without, all_of(*rest)


def matches(where: Filter, image: Image) -> bool:
    """Whether a filter holds for an image."""
    if isinstance(where, Not):
        return not matches(where.filter, image)
    if isinstance(where, And):
        return all(matches(each, image) for each in where.filters)
    if isinstance(where, Or):
        return any(matches(each, image) for each in where.filters)
    return _holds(where, value_of(image, where.field))


def value_of(image: Image, field: str) -> Any:
    """The value of a field of an image: None, a text, a number, or a tuple of texts."""
    if field == "parents":
        return tuple(parent.id for parent in image.parents)
    return getattr(image.fields if field in NAMES else image, field)


def _holds(where: Comparison, value: Any) -> bool:
    """Whether a comparison holds for a value. A comparison with None never does."""
    if isinstance(where, HasWords):
        return where.words <= words_of(*(value if isinstance(value, tuple) else [value or ""]))
    if isinstance(where, In):
        return value in where.values
    known, asked = (moment(str(each)) if where.field in TIMES else each for each in (value, where.value))
    if isinstance(where, Equals):
        return asked in known if isinstance(known, tuple) else known == asked
    return known is not None and asked is not None and OPERATORS[where.operator](known, asked)
