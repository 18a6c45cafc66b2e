"""Drift: where a live collection is other than `schemas/image.json` says, setting by setting.

Only what is wanted is compared: Weaviate answers with every default, and a collection may have more
properties than ours. Weaviate leaves out of its answer what is false, so an absent `false` is equal.
Settings are the raw JSON of `GET /v1/schema`; the client's own form of them loses the distance.
"""

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]

# What Weaviate 1.39 changes on a collection that is there; all else it refuses, or, as the type of an
# index, takes without an effect. Every line was tried on a server.
MUTABLE = re.compile(
    r"(properties\.\w+\.)?description"
    r"|vectorConfig\.\w+\.vectorIndexConfig\."
    r"(ef|dynamicEf(Min|Max|Factor)|flatSearchCutoff|filterStrategy|rq\.(enabled|rescoreLimit))"
    r"|invertedIndexConfig\.(bm25\.(b|k1)|stopwords\.\w+)"
)
NAMED = ("properties", "vectorConfig")  # their entries can be added, whole
LEFT_OUT = ("class", "name")  # they say which, not how


@dataclass(frozen=True, slots=True)
class Drift:
    """One setting that differs. `found` is None where the collection has none."""

    path: tuple[str, ...]
    wanted: Any
    found: Any

    def __str__(self) -> str:
        """The setting as `properties.caption.tokenization`."""
        return ".".join(self.path)

    @property
    def added(self) -> bool:
        """Whether it is a property or a named vector that is missing."""
        return self.found is None and len(self.path) == 2 and self.path[0] in NAMED

    @property
    def mutable(self) -> bool:
        """Whether it can be set right on the collection as it is."""
        return self.added or MUTABLE.fullmatch(str(self)) is not None


def drift(wanted: Json, found: Json) -> list[Drift]:
    """Where a collection (`found`) is other than `wanted`, in the order of the file."""
    return list(_differences((), _by_name(wanted), _by_name(found)))


def mended(found: Json, drifts: Sequence[Drift]) -> dict[str, Any]:
    """The collection as it is to be sent back: with these settings as wanted, properties left alone."""
    mended = copy.deepcopy(dict(found))
    for each in drifts:
        *way, last = each.path
        place: Any = mended
        for step in way:
            place = _entry(place, step)
        place[last] = each.wanted
    return mended


def _differences(path: tuple[str, ...], wanted: Json, found: Json) -> Iterator[Drift]:
    for key, value in wanted.items():
        there, here = found.get(key), (*path, key)
        if key in LEFT_OUT:
            continue
        if (
            isinstance(value, Mapping)
            and isinstance(there, Mapping)
            and not _other_choice(here, value, there)
        ):
            yield from _differences(here, value, there)
        elif value != there and not (value is False and there is None):
            yield Drift(here, value, there)


def _other_choice(path: tuple[str, ...], wanted: Json, found: Json) -> bool:
    """Whether it is another vectorizer: there the key, not a value below it, is what was chosen."""
    return path[-1] == "vectorizer" and set(wanted) != set(found)


def _by_name(collection: Json) -> dict[str, Any]:
    """The collection with its list of properties as a mapping, since their order means nothing."""
    named = {each["name"]: each for each in collection.get("properties") or ()}
    return {**collection, "properties": named}


def _entry(place: Any, step: str) -> Any:
    """What lies under a key, or under a name where it is a list of properties."""
    if isinstance(place, list):
        return next(each for each in place if each["name"] == step)
    return place.setdefault(step, {})
