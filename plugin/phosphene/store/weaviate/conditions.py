"""Compiles filters to the conditions of Weaviate's client."""

from collections.abc import Collection
from datetime import datetime
from functools import partial
from typing import Any

from weaviate.classes.query import Filter as Condition

from phosphene.filters import (
    EVERYTHING,
    NOTHING,
    And,
    Compare,
    Comparison,
    Equals,
    Filter,
    HasWords,
    In,
    Not,
    Or,
    simplified,
)
from phosphene.store.filterable import checked, kinds
from phosphene.store.weaviate.objects import valid_ids

METHODS = {"<": "less_than", "<=": "less_or_equal", ">": "greater_than", ">=": "greater_or_equal"}


def usable(where: Filter, lacking: Collection[str] = ()) -> Filter:
    """The filter, checked, without what a server refuses: ids that are not UUIDs, and `lacking` properties.

    No object has such an id or a value of such a property, so no comparison with them holds.
    """
    return simplified(checked(where), partial(_with_what_exists, lacking))


def condition(where: Filter) -> Any:
    """A filter from `usable`, which is not NOTHING, as a condition. None stands for all objects."""
    return None if where == EVERYTHING else _condition(where)


def _with_what_exists(lacking: Collection[str], comparison: Comparison) -> Filter:
    if comparison.field in lacking:
        return NOTHING
    if isinstance(comparison, Compare | HasWords) or comparison.field not in ("id", "parents"):
        return comparison
    values = comparison.values if isinstance(comparison, In) else (str(comparison.value),)
    return In(comparison.field, frozenset(valid_ids([*values])))


def _condition(where: Filter) -> Any:
    if isinstance(where, And):
        return Condition.all_of([_condition(each) for each in where.filters])
    if isinstance(where, Or):
        return Condition.any_of([_condition(each) for each in where.filters])
    if isinstance(where, Not):
        return Condition.not_(_condition(where.filter))
    return _comparison(where)


def _comparison(where: Comparison) -> Any:
    field: Any = Condition.by_id() if where.field == "id" else Condition.by_property(where.field)
    if isinstance(where, In):
        return field.contains_any(sorted(where.values))
    if isinstance(where, Equals):
        return field.equal(where.value)
    if isinstance(where, Compare):
        is_time = kinds()[where.field] == "time"
        value = datetime.fromisoformat(str(where.value)) if is_time else where.value
        return getattr(field, METHODS[where.operator])(value)
    # `like` without wildcards finds whole words. `equal` passes over the English words that a server counts
    # as stopwords, such as `a` and `not`, and it refuses a text of nothing else.
    return Condition.all_of([field.like(word) for word in sorted(where.words)])
