"""Makes filters of a field, an operator and a written value."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from phosphene.errors import QueryError
from phosphene.filters import Compare, Equals, Filter, HasWords, Operator, all_of, of_origin
from phosphene.folding import words_of
from phosphene.query.dates import first_and_end
from phosphene.records import Origin
from phosphene.store.filterable import MEANINGS, kinds
from phosphene.store.invalid import is_id

NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
DIGITS = 20  # of a number at most; the largest that a store holds has 19
ORIGINS = ("imported", "generated")
IDS = ("id", "parents")
EXAMPLES = {
    "integer": "compare it with a number, such as `4`, `4..5` or `4..`",
    "number": "compare it with a number, such as `1.5`, `1..2.5` or `..2`",
    "time": "write a year, a month, a day or a time, such as `2024`, `2024-05`, `2024-05-31T18:30`, `2023..`",
}


@dataclass(frozen=True, slots=True)
class Extent:
    """What a written value covers: one number, or the time from `first` until before `last`."""

    first: float | datetime
    last: float | datetime

    def compared(self, field: str, operator: Operator) -> Compare:
        """The filter that compares a field with all of it."""
        if operator in (">=", "<"):
            return Compare(field, operator, _plain(self.first))
        if isinstance(self.last, datetime):
            return Compare(field, ">=" if operator == ">" else "<", _plain(self.last))
        return Compare(field, operator, self.last)


def comparison(field: str, operator: str, value: str) -> Filter:
    """The filter of a field that images have. Raises QueryError if the value does not fit it."""
    kind = kinds()[field]
    if not value.strip():
        raise QueryError(f"`{field}` has an empty value.", hint="write a value after the operator")
    if kind not in ("words", "text"):
        return _ordered(field, operator, value)
    if operator not in (":", "="):
        raise QueryError(f"`{field}` is {MEANINGS[kind]}.", hint=f"write `{field}:{value}`")
    return _words(field, value) if kind == "words" else _whole(field, value)


def _words(field: str, value: str) -> Filter:
    words = words_of(value)
    if not words:
        raise QueryError(f"`{value}` has no word.", hint=f"give `{field}` letters or digits")
    return HasWords(field, words)


def _whole(field: str, value: str) -> Filter:
    if field == "origin" and value not in ORIGINS:
        raise QueryError(f"`{value}` is not an origin.", hint="write `imported` or `generated`")
    if field == "origin":
        return of_origin(cast("Origin", value))
    if field in IDS and not is_id(value):
        raise QueryError(
            f"`{value}` is not a whole id.", hint="find whole ids with `phosphene search … --json`"
        )
    return Equals(field, value)


def _ordered(field: str, operator: str, value: str) -> Filter:
    if operator not in (":", "="):
        return _extent(field, value).compared(field, cast("Operator", operator))
    low, dots, high = value.partition("..")
    high = high if dots else low
    first = _extent(field, low) if low else None
    last = _extent(field, high) if high else None
    if first and last and first.first > last.last:  # type: ignore[operator]
        raise QueryError(f"`{low}` is after `{high}`.", hint=f"write `{field}:{high}..{low}`")
    if not first and not last:
        raise QueryError(f"`{value}` has neither a beginning nor an end.", hint=EXAMPLES[kinds()[field]])
    above = [first.compared(field, ">=")] if first else []
    return all_of(*above, *([last.compared(field, "<=")] if last else []))


def _extent(field: str, value: str) -> Extent:
    kind = kinds()[field]
    if kind == "time" and (times := first_and_end(value)):
        return Extent(*times)
    if kind != "time" and NUMBER.fullmatch(value) and len(value) <= DIGITS:
        number = float(value) if "." in value else int(value)
        return Extent(number, number)
    raise QueryError(f"`{value}` is not a {'time' if kind == 'time' else 'number'}.", hint=EXAMPLES[kind])


def _plain(value: float | datetime) -> str | float:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
