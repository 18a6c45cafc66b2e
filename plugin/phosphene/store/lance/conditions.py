"""Filters as SQL, for LanceDB."""

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
    """The condition that an id is one of these."""
    return _sql(In("id", frozenset(ids))) if ids else "false"


def _sql(where: Filter) -> str:
    if isinstance(where, And):
        return " AND ".join(map(_sql, where.filters)) or "true"
    if isinstance(where, Or):
        return f"({' OR '.join(map(_sql, where.filters))})" if where.filters else "false"
    if isinstance(where, Not):
        return f"({_sql(where.filter)}) IS NOT TRUE"  # SQL's NOT would leave out what has no value
    return _comparison(where)


def _comparison(where: Comparison) -> str:
    if where.field not in FIELDS:
        raise QueryError(f"images have no field `{where.field}`", hint=f"they have {', '.join(FIELDS)}")
    if isinstance(where, In):
        return f"{where.field} IN ({', '.join(map(_quoted, sorted(where.values)))})"
    return f"{where.field} = {_quoted(where.value)}"


def _quoted(text: str) -> str:
    """A SQL string. Only the quote is special in it, and it is doubled."""
    return "'" + text.replace("'", "''") + "'"
