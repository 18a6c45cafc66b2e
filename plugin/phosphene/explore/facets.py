"""Counts the values of fields: how many images each camera took, and how many are of each year."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from phosphene.errors import QueryError
from phosphene.fields import NAMES
from phosphene.filters import EVERYTHING, Filter, value_of
from phosphene.store import Store

FacetValue: TypeAlias = str | int | float
FACETS = ("origin", "taken", "camera", "place", "rating", "keywords", "tags", "model", "sampler")
ALLOWED = ("origin", *NAMES)
YEAR = len("2024")  # a time counts as its year


@dataclass(frozen=True, slots=True)
class Facet:
    """The values of a field, and how many images have each, the most frequent ones first.

    An image counts once for each of its keywords. `unknown` is how many images have no value.
    """

    field: str
    values: tuple[tuple[FacetValue, int], ...]
    unknown: int


def facets(store: Store, fields: Sequence[str] = FACETS, where: Filter = EVERYTHING) -> list[Facet]:
    """The values of fields among the images for which a filter holds. Raises QueryError for another field."""
    if wrong := [field for field in fields if field not in ALLOWED]:
        raise QueryError(
            f"Values of `{wrong[0]}` cannot be counted.", hint=f"name some of {', '.join(ALLOWED)}"
        )
    counts = {field: Counter[FacetValue]() for field in fields}
    known: Counter[str] = Counter()
    total = 0
    for image in store.iterate(where):
        total += 1
        for field, counted in counts.items():
            values = set(_values(field, value_of(image, field)))
            counted.update(values)
            known[field] += bool(values)
    return [Facet(field, _ranked(counted), total - known[field]) for field, counted in counts.items()]


def _values(field: str, value: Any) -> Iterator[FacetValue]:
    if isinstance(value, tuple):
        yield from value
    elif value is not None:
        yield value[:YEAR] if field == "taken" else value


def _ranked(counted: Counter[FacetValue]) -> tuple[tuple[FacetValue, int], ...]:
    return tuple(sorted(counted.items(), key=lambda each: (-each[1], str(each[0]))))
