"""Compiles filters to the conditions of Weaviate's client."""

from typing import Any, cast

from weaviate.classes.query import Filter as Condition

from phosphene.filters import EVERYTHING, And, Comparison, Filter, In, Not, Or, simplified
from phosphene.store.weaviate.objects import valid_ids


def usable(where: Filter) -> Filter:
    """The filter without ids that are not UUIDs. No object has them, and a server refuses them."""
    return simplified(where, _with_valid_ids)


def condition(where: Filter) -> Any:
    """A filter from `usable`, which is not NOTHING, as a condition. None stands for all objects."""
    return None if where == EVERYTHING else _condition(where)


def _with_valid_ids(comparison: Comparison) -> Filter:
    if comparison.field != "id":
        return comparison
    values = comparison.values if isinstance(comparison, In) else (comparison.value,)
    return In("id", frozenset(valid_ids([*values])))


def _condition(where: Filter) -> Any:
    if isinstance(where, And):
        return Condition.all_of([_condition(each) for each in where.filters])
    if isinstance(where, Or):
        return Condition.any_of([_condition(each) for each in where.filters])
    if isinstance(where, Not):
        return _comparison(cast("Comparison", where.filter), negated=True)
    return _comparison(where, negated=False)


def _comparison(where: Comparison, *, negated: bool) -> Any:
    if isinstance(where, In):
        field = Condition.by_id() if where.field == "id" else Condition.by_property(where.field)
        values = sorted(where.values)
        return field.contains_none(values) if negated else field.contains_any(values)
    field = Condition.by_property(where.field)
    return field.not_equal(where.value) if negated else field.equal(where.value)
