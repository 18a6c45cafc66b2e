"""How an external collection is read: what its settings say about its vectors and pictures."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from phosphene.errors import LibraryError
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.schema_diff import Json

# Weaviate's distances from which a cosine follows, for vectors of any length.
DISTANCES = ("cosine", "dot", "l2-squared")
# Properties of ours that another collection may have, too: they are taken where the type is the same.
SAME = {"sha256": "text", "width": "int", "height": "int"}


@dataclass(frozen=True, slots=True)
class Reading:
    """Names and kinds: an empty name where there is none."""

    vector: str  # empty: the one unnamed vector that old collections have
    distance: str
    flat: bool  # every search compares with every vector
    image: str
    blob: bool  # whether the image property holds pictures; else it holds their URLs or paths
    caption: str
    same: tuple[str, ...]

    @property
    def properties(self) -> list[str]:
        """What is read of every object: never a picture."""
        place = [self.image] if self.image and not self.blob else []
        return [*place, *([self.caption] if self.caption else []), *self.same]


def reading(address: Address, settings: Json) -> Reading:
    """How the collection of an address is read, which says it in its options.

    Raises LibraryError for a vector or a property that is not there or of no use, and names those
    that are.
    """
    asked = address.external
    assert asked is not None, "an address that says how to read"
    name, vector = _vector(address, asked.vector, settings)
    index = vector.get("vectorIndexConfig") or {}
    distance = index.get("distance", "cosine")
    if distance not in DISTANCES or (index.get("multivector") or {}).get("enabled"):
        what = f"the distance `{distance}`" if distance not in DISTANCES else "several vectors an object"
        raise LibraryError(
            f"the vector `{name}` of `{address}` has {what}, which no CLIP has",
            hint=f"vectors compared by {', '.join(DISTANCES)} can be searched",
        )
    types = {each["name"]: each["dataType"][0] for each in settings.get("properties") or ()}
    return Reading(
        vector=name,
        distance=distance,
        flat=vector.get("vectorIndexType") == "flat",
        image=_property(address, "image", asked.image, types, ("blob", "text")),
        blob=types.get(asked.image) == "blob",
        caption=_property(address, "caption", asked.caption, types, ("text", "text[]")),
        same=tuple(name for name, kind in SAME.items() if types.get(name) == kind),
    )


def _vector(address: Address, name: str, settings: Json) -> tuple[str, dict[str, Any]]:
    named = dict(settings.get("vectorConfig") or {})
    if not named and name in ("", "default"):
        return "", dict(settings)  # an old collection: one vector without a name
    if not name and len(named) == 1:
        name = next(iter(named))
    if name not in named:
        wrong = f"has no vector `{name}`" if name else "has several vectors"
        raise LibraryError(f"`{address}` {wrong}", hint=f"`vector=` is one of: {_listed(named)}")
    return name, dict(named[name])


def _property(address: Address, option: str, name: str, types: Json, allowed: tuple[str, ...]) -> str:
    """The property of that name, where it is of an allowed type."""
    if name and types.get(name) not in allowed:
        wrong = f"is of the type {types[name]}" if name in types else "is not there"
        fitting = _listed(each for each, kind in types.items() if kind in allowed)
        raise LibraryError(
            f"the property `{name}` of `{address}` {wrong}", f"`{option}=` is one of: {fitting}"
        )
    return name


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none that it has"
