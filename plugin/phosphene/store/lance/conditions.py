"""Filters as SQL, for the embedded store."""

from collections.abc import Collection

from phosphene.records import Filter

# Every image that phosphene did not generate counts as imported, whatever its row says: another program
# may have written it, and libraries of format 1 say `training`.
ORIGINS = {
    "generated": "origin = 'generated'",
    "imported": "(origin IS NULL OR origin <> 'generated')",
}


def condition(where: Filter) -> str:
    """A filter as SQL."""
    parts = [] if where.origin is None else [ORIGINS[where.origin]]
    if where.only is not None:
        parts.append(among(where.only))
    if where.without:
        parts.append(f"NOT {among(where.without)}")
    return " AND ".join(parts) or "true"


def among(ids: Collection[str]) -> str:
    """The condition that an id is one of these."""
    return f"id IN ({', '.join(map(_quoted, ids))})" if ids else "false"


def _quoted(text: str) -> str:
    """A SQL string: only the quote is special, and doubled."""
    return "'" + text.replace("'", "''") + "'"
