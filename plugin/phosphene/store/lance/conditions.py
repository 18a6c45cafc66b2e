"""Compiles filters to SQL for LanceDB."""

from collections.abc import Collection

from phosphene.errors import QueryError
from phosphene.filters import And, Comparison, Filter, In, Not, Or, simplified
from phosphene.store import image_schema

FIELDS = (
    "id",
    *(each["name"] for each in image_schema.collection()["properties"] if each["dataType"] != ["blob"]),
)


def condition(where: Filter) -> str:
    """A filter as SQL. Raises QueryError for a field that no image has."""
    return _sql(simplified(where))


def among(ids: Collection[str]) -> str:
    """The condition that the id is one of these."""
    return _sql(In("id", frozenset(ids))) if ids else "false"


def known_field(name: str) -> None:
    """Raise QueryError for a field that no image has."""
    if name not in FIELDS:
        raise QueryError(f"Images have no field `{name}`.", hint=f"use one of {', '.join(FIELDS)}")


def _sql(where: Filter) -> str:
    if isinstance(where, And):
        return " AND ".join(map(_sql, where.filters)) or "true"
    if isinstance(where, Or):
        return f"({' OR '.join(map(_sql, where.filters))})" if where.filters else "false"
    if isinstance(where, Not):
        return f"({_sql(where.filter)}) IS NOT TRUE"  # with SQL's NOT, rows without a value would not match
    return _comparison(where)


def _comparison(where: Comparison) -> str:
    known_field(where.field)
    if isinstance(where, In):
        return f"{where.field} IN ({', '.join(map(_quoted, sorted(where.values)))})"
    return f"{where.field} = {_quoted(where.value)}"


def _quoted(text: str) -> str:
    """The text as a SQL string. Its quotes are doubled, and no other character is special."""
    return "'" + text.replace("'", "''") + "'"
