"""Parses the filters of a query.

    dog on a beach taken:2024..2025 rating>=4 caption:"red house" -model:sdxl

A filter is a field, an operator and a value, without spaces between them. `:` and `=` mean that the field has
this value, is in a range such as `a..b`, or has all these words. A minus before the field means: not. Commas
separate alternatives, and quotes hold a value with spaces or commas.

What looks like a filter and names no field is text, and so is a field with a space after its colon.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from phosphene.errors import FilterError, QueryError
from phosphene.filters import EVERYTHING, Filter, Not, all_of, any_of
from phosphene.query.comparisons import comparison
from phosphene.store.filterable import kinds

START = re.compile(r"(?<!\S)(?P<minus>-?)(?P<field>[A-Za-z]\w*)(?P<operator>[<>]=?|[:=])(?=\S)(?!//)")
VALUE = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s"])+', re.DOTALL)
ALTERNATIVE = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^",])*', re.DOTALL)
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
WITH_SPACES = re.compile(r'(-?(\w+)[:=])([^"]*\s[^"]*)')
ALIKE = 0.8  # how alike a misspelt field must be, from 0 to 1: `take` is like `taken`, and `note` like none


@dataclass(frozen=True, slots=True)
class Where:
    """Filters as they were written, and the one filter that they are together."""

    text: str = ""
    filter: Filter = EVERYTHING


@dataclass(frozen=True, slots=True)
class Written:
    """A filter, and where it begins and ends in the text."""

    start: int
    end: int
    filter: Filter


EVERYWHERE = Where()


def as_filter(where: "str | Filter | None") -> Filter:
    """The filter that a user wrote, or that is one already. None stands for all images."""
    if where is None:
        return EVERYTHING
    return parse_where(where).filter if isinstance(where, str) else where


def parse_where(text: str) -> Where:
    """Parse a text of nothing but filters. Raises FilterError, which names the place."""
    found = list(written_filters(text))
    if other := re.search(r"\S+", without(text, found)):
        field = re.match(r"-?(\w*)", other[0])[1]  # type: ignore[index]
        raise FilterError(f"`{other[0]}` is not a filter.", text, other.span(), hint=_fields_like(field))
    return together(text, found)


def together(text: str, found: list[Written]) -> Where:
    """The filters that were found in a text, as one."""
    return Where(
        " ".join(text[each.start : each.end] for each in found), all_of(*(each.filter for each in found))
    )


def without(text: str, found: list[Written]) -> str:
    """The text with spaces in the places of its filters."""
    for each in found:
        text = text[: each.start] + " " * (each.end - each.start) + text[each.end :]
    return text


def quoted(word: str) -> str:
    """An argument of a command line, with the quotes that the shell took away around words of a field."""
    found = WITH_SPACES.fullmatch(word)
    if not found or kinds().get(found[2]) != "words" or START.search(found[3]):
        return word
    value = found[3].replace("\\", "\\\\")
    return f'{found[1]}"{value}"'


def written_filters(text: str, *, terms: bool = False) -> Iterator[Written]:
    """The filters in a text, in order. Raises FilterError for one that has no meaning.

    With `terms` the text is a query, in which `id:…` is a term.
    """
    end = 0
    for found in START.finditer(text):
        if found.start() < end or (terms and found[0] == "id:"):  # it is in quotes, or a term
            continue
        field = found["field"]
        if field in kinds():
            end = _end_of_value(text, found.end())
            where = _alternatives(text, found, end)
            yield Written(found.start(), end, Not(where) if found["minus"] else where)
        elif _alike(field):
            raise FilterError(
                f"Images have no field `{field}`.", text, found.span("field"), _fields_like(field)
            )


def _end_of_value(text: str, start: int) -> int:
    found = VALUE.match(text, start)
    end = found.end() if found else start
    if text[end : end + 1] == '"':
        raise FilterError("A quote is not closed.", text, (end, end + 1), hint='write `"` at its end, too')
    return end


def _alternatives(text: str, found: re.Match[str], end: int) -> Filter:
    """The filter that holds if one of its values, which commas separate, does."""
    filters, start = list[Filter](), found.end()
    while True:
        stop = min(ALTERNATIVE.match(text, start).end(), end)  # type: ignore[union-attr]
        value = QUOTED.sub(lambda each: re.sub(r"\\(.)", r"\1", each[1]), text[start:stop])
        try:
            filters.append(comparison(found["field"], found["operator"], value))
        except QueryError as error:
            raise FilterError(error.message, text, (start, max(stop, start + 1)), error.hint) from error
        if stop == end:
            return any_of(*filters)
        start = stop + 1


def _alike(field: str) -> list[str]:
    similar = get_close_matches(field.lower(), kinds(), cutoff=ALIKE)
    return [each for each in similar if each[0] == field[0].lower()]


def _fields_like(field: str) -> str:
    if similar := _alike(field):
        return f"did you mean `{similar[0]}`? To search for the words, write a space after `{field}`"
    return f"the fields are {', '.join(kinds())}"
