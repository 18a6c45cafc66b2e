"""The differences between a live collection and `schemas/image.json`, setting by setting.

Only the settings in the file are compared, because Weaviate answers with every default, and a collection
may have more properties than ours. Weaviate leaves `false` out of its answer, so a missing `false` is no
difference. Settings are the raw JSON of `GET /v1/schema`: the client's own form of them loses the distance.
"""

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phosphene.store.weaviate.rest import Json

# The settings that Weaviate 1.39 can change on an existing collection. It refuses all others, or accepts
# them without any effect, like the type of an index. Every line was tried on a server.
MUTABLE = re.compile(
    r"(properties\.\w+\.)?description"
    r"|vectorConfig\.\w+\.vectorIndexConfig\."
    r"(ef|dynamicEf(Min|Max|Factor)|flatSearchCutoff|filterStrategy|rq\.(enabled|rescoreLimit))"
    r"|invertedIndexConfig\.(bm25\.(b|k1)|stopwords\.\w+)"
)
ADDABLE = ("properties", "vectorConfig")  # whole entries can be added to these
IGNORED = ("class", "name")  # these say which collection or property it is, and set nothing


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting that differs. `found` is None if the collection does not have it."""

    path: tuple[str, ...]
    wanted: Any
    found: Any

    def __str__(self) -> str:
        """The setting as `properties.caption.tokenization`."""
        return ".".join(self.path)

    @property
    def added(self) -> bool:
        """Whether a whole property or named vector is missing."""
        return self.found is None and len(self.path) == 2 and self.path[0] in ADDABLE

    @property
    def mutable(self) -> bool:
        """Whether Weaviate can change it on the existing collection."""
        return self.added or MUTABLE.fullmatch(str(self)) is not None


def diff(wanted: Json, found: Json) -> list[Difference]:
    """The settings of a collection (`found`) that differ from `wanted`, in the order of the file."""
    return list(_differences((), _by_name(wanted), _by_name(found)))


def patched(found: Json, differences: Sequence[Difference]) -> dict[str, Any]:
    """The collection as it is sent back to the server: with these settings changed to what is wanted."""
    changed = copy.deepcopy(dict(found))
    for each in differences:
        *way, last = each.path
        place: Any = changed
        for step in way:
            place = _entry(place, step)
        place[last] = each.wanted
    return changed


def _differences(path: tuple[str, ...], wanted: Json, found: Json) -> Iterator[Difference]:
    for key, value in wanted.items():
        there, here = found.get(key), (*path, key)
        if key in IGNORED:
            continue
        if (
            isinstance(value, Mapping)
            and isinstance(there, Mapping)
            and not _is_another_choice(here, value, there)
        ):
            yield from _differences(here, value, there)
        elif value != there and not (value is False and there is None):
            yield Difference(here, value, there)


def _is_another_choice(path: tuple[str, ...], wanted: Json, found: Json) -> bool:
    """Whether it is another vectorizer. There the choice is the key, and not a value below it."""
    return path[-1] == "vectorizer" and set(wanted) != set(found)


def _by_name(collection: Json) -> dict[str, Any]:
    """The collection with its list of properties as a mapping, because their order does not matter."""
    named = {each["name"]: each for each in collection.get("properties") or ()}
    return {**collection, "properties": named}


def _entry(place: Any, step: str) -> Any:
    """The value of a key, or the property of a name if `place` is the list of properties."""
    if isinstance(place, list):
        return next(each for each in place if each["name"] == step)
    return place.setdefault(step, {})
