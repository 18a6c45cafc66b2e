r"""Parses queries: weighted sums of texts, pictures and stored images.

    2:red house + ./snow.jpg - trees

A term ends at the next `+` or `-` that stands alone. `N:` before a term is its weight, unless a number
follows, as in `16:9`. A term that begins with `id:` is a stored image. A term that begins like a path (`./`,
`../`, `/`, `~/`, `C:\`, `file://`) or ends like the name of a picture (`.jpg`, `.png` …) is a picture file.
Every other term is text. Searching and generating use the same grammar.

Filters such as `taken:2024` may stand anywhere between the words. They are no terms, see `where`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from phosphene.config import expanded
from phosphene.errors import PhospheneError, QueryError
from phosphene.query.where import EVERYWHERE, Where, quoted, together, without, written_filters
from phosphene.sources import ENDINGS, to_path

TermKind = Literal["text", "picture", "id"]
OPERATOR = re.compile(r"(?:^|\s)([+-])(?=\s|$)")
WEIGHT = re.compile(r"(\d+(?:\.\d+)?):(?=\S)(?!\d+(?!\w))")
MAX_WEIGHT = 1e6  # vectors are float32, which lose a weight of 0.1 beside a larger one
PATH = re.compile(r"(\.{1,2}|~[^/\s]*)?/|[a-z]:[\\/]|file:///", re.IGNORECASE)
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
EXAMPLE = "2:red house + ./snow.jpg - trees"


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a query. A negative weight means: unlike this."""

    kind: TermKind
    value: str  # the text, the path as written, or the id
    weight: float = 1.0

    @property
    def value_without_folders(self) -> str:
        """The value, but only the file's name of a picture. A name that is not valid Unicode is repaired."""
        if self.kind != "picture":
            return self.value
        return "./" + self.path.name.encode("utf-8", "replace").decode()

    @property
    def path(self) -> Path:
        """The file of a picture. Raises PhospheneError for the home of an unknown user (`~nobody/…`)."""
        if self.value.lower().startswith("file://"):
            return to_path(f"file://{self.value[len('file://') :]}", Path())
        return expanded(self.value)


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query. At least one term has a positive weight, or it has only filters and no terms."""

    terms: tuple[Term, ...]
    where: Where = EVERYWHERE

    def __str__(self) -> str:
        """The query as a user would write it."""
        terms = (_written(term, first=index == 0) for index, term in enumerate(self.terms))
        return " ".join([*terms, *([self.where.text] if self.where.text else [])])

    @property
    def without_folders(self) -> str:
        """The terms as recipes write them: with the names of pictures, but not their private folders."""
        terms = (replace(term, value=term.value_without_folders) for term in self.terms)
        return " ".join(_written(term, first=index == 0) for index, term in enumerate(terms))

    @property
    def words(self) -> str:
        """The texts with a positive weight, for generators that read words."""
        return ", ".join(term.value for term in self.terms if term.kind == "text" and term.weight > 0)

    @property
    def negative_words(self) -> list[str]:
        """The texts with a negative weight."""
        return [term.value for term in self.terms if term.kind == "text" and term.weight < 0]

    @property
    def files(self) -> list[Path]:
        """The files of the pictures in the query."""
        return [term.path for term in self.terms if term.kind == "picture"]


def as_query(words: "str | Sequence[str] | Query") -> Query:
    """The query that a user wrote, parsed unless it is one already."""
    return words if isinstance(words, Query) else parse(words)


def parse(words: str | Sequence[str]) -> Query:
    """Parse a query from one string or from the words of a command line.

    Raises QueryError for an empty query, for one with only negative terms, and for an invalid term: a weight
    of zero, an address on the network, or text that is not Unicode. Raises FilterError for an invalid filter.
    """
    rest, where = _split([words] if isinstance(words, str) else [quoted(word) for word in words])
    query = replace(parse_terms(rest), where=where) if any(map(str.strip, rest)) else Query((), where)
    if query == Query(()):
        raise _empty("is empty")
    return query


def parse_terms(words: str | Sequence[str]) -> Query:
    """Parse a query without filters: what looks like one is text, as in the prompts of other programs."""
    terms = tuple(_terms([words] if isinstance(words, str) else words))
    if not any(term.weight > 0 for term in terms):
        raise _empty("has only negative terms" if terms else "is empty")
    return Query(terms)


def _empty(wrong: str) -> QueryError:
    return QueryError(f"The query {wrong}.", hint=f"say what to look for, for example `{EXAMPLE}`")


def _split(words: Sequence[str]) -> tuple[Sequence[str], Where]:
    """The words without the filters in them, and the filters. The name of an existing file holds none."""
    text = " ".join(words)
    start, searched, places = 0, text, list[slice]()
    for word in words:
        places.append(slice(start, start + len(word)))
        if _names_existing_file(WEIGHT.sub("", word, count=1)):
            searched = searched[:start] + " " * len(word) + searched[start + len(word) :]
        start += len(word) + 1
    if not (found := list(written_filters(searched, terms=True))):
        return words, EVERYWHERE
    left = without(text, found)
    return [left[place] for place in places], together(text, found)


def _terms(words: Sequence[str]) -> Iterator[Term]:
    sign, collected = 1.0, list[str]()
    for token in _tokens(words):
        if token in ("+", "-"):
            yield from _term(collected, sign)
            sign, collected = (1.0 if token == "+" else -1.0), []
        else:
            collected.append(token)
    yield from _term(collected, sign)


def _tokens(words: Sequence[str]) -> Iterator[str]:
    """The operators and the terms between them. A word that names an existing file is never split."""
    for word in words:
        if _names_existing_file(WEIGHT.sub("", word, count=1)):
            yield word
        else:
            yield from (part.strip() for part in OPERATOR.split(word) if part.strip())


def _names_existing_file(name: str) -> bool:
    """Whether a term is the name of a picture file that exists."""
    try:
        return _names_picture(name) and Term("picture", name).path.exists()
    except (OSError, ValueError, PhospheneError):  # too long, contains NUL, or in a folder without permission
        return False


def _term(collected: Sequence[str], sign: float) -> Iterator[Term]:
    text = " ".join(collected)
    if not text.strip():
        return
    weight = 1.0
    if found := WEIGHT.match(text.lstrip()):
        weight, text = float(found[1]), text.lstrip()[found.end() :]
    if not 0 < weight <= MAX_WEIGHT:
        raise QueryError(
            f"`{text}` has the weight {weight:g}, but weights must be above 0 and at most {MAX_WEIGHT:,.0f}.",
            hint="choose another weight, or leave the term out",
        )
    yield _classified(text, sign * weight)


def _classified(text: str, weight: float) -> Term:
    if text.startswith("id:"):
        return Term("id", text.removeprefix("id:").strip(), weight)
    if _names_picture(text):
        return Term("picture", text, weight)
    if ADDRESS.match(text.lstrip()):
        raise QueryError(
            f"`{text}` is an address, and phosphene does not download pictures.",
            hint="download the picture and name its file, for example `./picture.jpg`",
        )
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise QueryError(
            f"The text `{text}` is not valid UTF-8.", hint="type it in a terminal that uses UTF-8"
        )
    return Term("text", " ".join(text.split()), weight)


def _names_picture(text: str) -> bool:
    """Whether a term begins like a path or ends like the name of a picture."""
    if PATH.match(text):
        return True
    return not ADDRESS.match(text) and Path(text.strip()).suffix.lower() in ENDINGS


def _written(term: Term, *, first: bool) -> str:
    sign = "- " if term.weight < 0 else "" if first else "+ "
    weight = "" if abs(term.weight) == 1 else f"{abs(term.weight):g}:"
    return f"{sign}{weight}{'id:' if term.kind == 'id' else ''}{term.value}"
