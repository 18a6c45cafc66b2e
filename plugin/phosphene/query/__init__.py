r"""Queries: a weighted sum of texts, pictures and stored ids, minus others.

    2:red house + ./snow.jpg - trees

A term runs until the next `+` or `-` that stands alone; `N:` before it is its weight, unless a number
follows, as in `16:9`. A term is a stored image where it begins with `id:`, a picture where it begins
like a path (`./`, `../`, `/`, `~/`, `C:\`, `file://`) or ends like a picture's name (`.jpg`, `.png` …),
and text otherwise. The grammar is the same for searching and for generating.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from phosphene.config import expanded
from phosphene.errors import PhospheneError, QueryError
from phosphene.sources import ENDINGS, to_path

TermKind = Literal["text", "picture", "id"]
OPERATOR = re.compile(r"(?:^|\s)([+-])(?=\s|$)")
WEIGHT = re.compile(r"(\d+(?:\.\d+)?):(?=\S)(?!\d+(?!\w))")
HEAVIEST = 1e6  # vectors are float32: beside such a weight, one of 0.1 is lost
PATH = re.compile(r"(\.{1,2}|~[^/\s]*)?/|[a-z]:[\\/]|file:///", re.IGNORECASE)
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
EXAMPLE = "2:red house + ./snow.jpg - trees"


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a query; a negative weight leads away from it."""

    kind: TermKind
    value: str  # the text, the path as written, or the id
    weight: float = 1.0

    @property
    def told(self) -> str:
        """Its value as a recipe tells it: of a picture only the file's name, in letters that Unicode has."""
        if self.kind != "picture":
            return self.value
        return "./" + self.path.name.encode("utf-8", "replace").decode()

    @property
    def path(self) -> Path:
        """The file of a picture. Raises PhospheneError where its `~` is nobody's folder."""
        if self.value.lower().startswith("file://"):
            return to_path(f"file://{self.value[len('file://') :]}", Path())
        return expanded(self.value)


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: at least one term with a positive weight."""

    terms: tuple[Term, ...]

    def __str__(self) -> str:
        """The query as a user would write it."""
        return " ".join(_written(term, first=index == 0) for index, term in enumerate(self.terms))

    @property
    def told(self) -> str:
        """The query as a recipe tells it to anybody: pictures by their names, not by where they lie."""
        terms = (replace(term, value=term.told) for term in self.terms)
        return " ".join(_written(term, first=index == 0) for index, term in enumerate(terms))

    @property
    def files(self) -> list[Path]:
        """The files of its pictures."""
        return [term.path for term in self.terms if term.kind == "picture"]


def as_query(words: "str | Sequence[str] | Query") -> Query:
    """The query that a user wrote, parsed unless it is one already."""
    return words if isinstance(words, Query) else parse(words)


def parse(words: str | Sequence[str]) -> Query:
    """Read a query from one string or from the words of a command line.

    Raises QueryError where nothing is looked for, and for a term that means nothing: a weight of zero,
    an address on the network, text that is no Unicode.
    """
    terms = tuple(_terms([words] if isinstance(words, str) else words))
    if not any(term.weight > 0 for term in terms):
        wrong = "has only terms to avoid" if terms else "is empty"
        raise QueryError(f"the query {wrong}", hint=f"name what to look for, e.g. `{EXAMPLE}`")
    return Query(terms)


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
    """Operators and the stretches between them; a file's name may hold ` - ` and spaces."""
    for word in words:
        if _is_there(WEIGHT.sub("", word, count=1)):
            yield word
        else:
            yield from (part.strip() for part in OPERATOR.split(word) if part.strip())


def _is_there(name: str) -> bool:
    """Whether a term is the name of a file that exists."""
    try:
        return _names_picture(name) and Term("picture", name).path.exists()
    except (OSError, ValueError, PhospheneError):  # too long, with a NUL, in a folder that nobody may read
        return False


def _term(collected: Sequence[str], sign: float) -> Iterator[Term]:
    text = " ".join(collected)
    if not text.strip():
        return
    weight = 1.0
    if found := WEIGHT.match(text.lstrip()):
        weight, text = float(found[1]), text.lstrip()[found.end() :]
    if not 0 < weight <= HEAVIEST:
        raise QueryError(
            f"`{text}` has the weight {weight:g}; it is above 0 and at most {HEAVIEST:,.0f}",
            hint="leave the term out, or give it a weight in this range",
        )
    yield _kinded(text, sign * weight)


def _kinded(text: str, weight: float) -> Term:
    if text.startswith("id:"):
        return Term("id", text.removeprefix("id:").strip(), weight)
    if _names_picture(text):
        return Term("picture", text, weight)
    if ADDRESS.match(text.lstrip()):
        raise QueryError(
            f"`{text}` is an address, and phosphene fetches none",
            hint="download the picture, and name its file: `./picture.jpg`",
        )
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise QueryError(
            f"the text `{text}` is not valid UTF-8", hint="type it in a terminal that uses UTF-8"
        )
    return Term("text", " ".join(text.split()), weight)


def _names_picture(text: str) -> bool:
    """Whether a term is a file: it begins like a path, or ends like a picture's name."""
    if PATH.match(text):
        return True
    return not ADDRESS.match(text) and Path(text.strip()).suffix.lower() in ENDINGS


def _written(term: Term, *, first: bool) -> str:
    sign = "- " if term.weight < 0 else "" if first else "+ "
    weight = "" if abs(term.weight) == 1 else f"{abs(term.weight):g}:"
    return f"{sign}{weight}{'id:' if term.kind == 'id' else ''}{term.value}"
