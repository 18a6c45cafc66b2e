"""The columns of a snapshot that answer filters without reading its rows.

`numbers` has a column for each number and each time, which counts microseconds from 1970, and NaN where a row
has none. `words` has the words of all texts: those of a row between line feeds, each behind the letter of its
field, and `word_ends` says where each row ends. So one search of a byte string finds all rows with a word.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phosphene.filters import OPERATORS, Compare, HasWords
from phosphene.folding import words_of
from phosphene.store.filterable import kinds
from phosphene.store.lance.array_files import AnyArray, Columns
from phosphene.times import moment

TYPES = {"fields": "S16", "numbers": "<f8", "words": "u1", "word_ends": "<i8"}
MAPPED = ("numbers", "words", "word_ends")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
StoredRow = Mapping[str, Any]


def names() -> AnyArray:
    """The fields of the columns, by whose order snapshots are read."""
    return np.array([each.encode() for each in (*_numeric(), *_textual())], TYPES["fields"])


def check(columns: Columns, count: int) -> None:
    """Raise ValueError if the columns are damaged, or have the fields of another version."""
    if not np.array_equal(columns["fields"], names()):
        raise ValueError("the fields are others")
    if columns["numbers"].shape != (count, len(_numeric())) or len(columns["word_ends"]) != count:
        raise ValueError("the columns of filters have another length")
    if count and columns["word_ends"][-1] != len(columns["words"]):
        raise ValueError("the words do not end where they should")


def numbers(rows: Sequence[StoredRow]) -> AnyArray:
    """The numbers (n, fields) of rows."""
    found = [[_number(row.get(field), kinds()[field] == "time") for field in _numeric()] for row in rows]
    return np.array(found, np.float64).reshape(len(rows), len(_numeric()))


def texts(rows: Sequence[StoredRow]) -> list[bytes]:
    """The words of each row."""
    return ["\n".join(["", *_marked(row), ""]).encode() for row in rows]


def compared(columns: Columns, where: Compare) -> NDArray[np.bool_]:
    """For which images (n,) a comparison holds. None does with NaN."""
    value = _number(where.value, kinds()[where.field] == "time")
    column = columns["numbers"][:, _numeric().index(where.field)]
    return np.asarray(OPERATORS[where.operator](column, value))


def having(columns: Columns, where: HasWords) -> NDArray[np.bool_]:
    """Which images (n,) have all words."""
    text, held = columns["words"].tobytes(), np.ones(len(columns["word_ends"]), np.bool_)
    for word in where.words:
        held &= _having_word(columns, text, [where.field], word)
    return held


def having_each(columns: Columns, fields: Sequence[str], words: Collection[str]) -> NDArray[np.bool_]:
    """Which images (words, n) have each of the words in one of the fields."""
    text = columns["words"].tobytes()
    return np.array([_having_word(columns, text, fields, word) for word in words], np.bool_).reshape(
        len(words), len(columns["word_ends"])
    )


def lengths(columns: Columns, field: str) -> NDArray[np.int64]:
    """How many words the images (n,) have in a field."""
    text, ends = columns["words"], columns["word_ends"]
    starts = np.flatnonzero((text[:-1] == ord("\n")) & (text[1:] == ord(_letter(field))))
    return np.diff(np.searchsorted(starts, ends), prepend=0)


def _having_word(columns: Columns, text: bytes, fields: Iterable[str], word: str) -> NDArray[np.bool_]:
    """Which images (n,) have a word in one of the fields."""
    found = np.zeros(len(columns["word_ends"]), np.bool_)
    for field in fields:
        found[places(text, f"\n{_letter(field)}{word}\n".encode(), columns["word_ends"])] = True
    return found


def places(text: bytes, sought: bytes, ends: AnyArray) -> AnyArray:
    """The numbers of the rows that hold a byte string, with those twice that hold it twice."""
    return np.searchsorted(ends, np.fromiter(_positions(text, sought), np.int64), side="right")


def _positions(text: bytes, sought: bytes) -> Iterator[int]:
    position = text.find(sought)
    while position >= 0:
        yield position
        position = text.find(sought, position + 1)


def _marked(row: StoredRow) -> Iterable[str]:
    for field in _textual():
        value = row.get(field)
        given = value if isinstance(value, list) else [value]
        words = words_of(*(each for each in given if isinstance(each, str)))
        yield from (f"{_letter(field)}{word}" for word in words)


def _number(value: object, is_time: bool) -> float:
    if is_time and isinstance(value, str):
        time = moment(value)
        return nan if time is None else (time - EPOCH) / MICROSECOND
    return float(value) if isinstance(value, int | float) and not is_time else nan


def _numeric() -> list[str]:
    return [field for field, kind in kinds().items() if kind in ("integer", "number", "time")]


def _textual() -> list[str]:
    return [field for field, kind in kinds().items() if kind == "words"]


def _letter(field: str) -> str:
    """The letter of a field, which no word contains."""
    return chr(ord("A") + _textual().index(field))
