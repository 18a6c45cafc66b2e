"""Which vector and which properties of an external collection are read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from phosphene.errors import LibraryError
from phosphene.fields import NAMES
from phosphene.store import image_schema
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.rest import Json

# Weaviate's distances from which a cosine follows, for vectors of any length.
DISTANCES = ("cosine", "dot", "l2-squared")
# Properties of our own schema that another collection may have. They are read if the type is the same.
SHARED = ("sha256", "width", "height", *NAMES)


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """Which vector and properties of a collection are read. A name is empty if there is none."""

    vector: str  # empty: the one unnamed vector that old collections have
    distance: str
    exact: bool  # whether every search compares with every vector
    image: str
    blob: bool  # whether the image property holds pictures; otherwise it holds their URLs or paths
    caption: str
    shared: tuple[str, ...]

    @property
    def properties(self) -> list[str]:
        """The properties that are read of every object. Pictures are not among them."""
        place = [self.image] if self.image and not self.blob else []
        return [*place, *([self.caption] if self.caption else []), *self.shared]


def field_mapping(address: Address, settings: Json) -> FieldMapping:
    """The mapping for a collection with these settings, as the options of its address say.

    Raises LibraryError for a vector or a property that is missing or unusable, and names the usable ones.
    """
    asked = address.external
    assert asked is not None, "the address of an external collection"
    name, vector = _vector(address, asked.vector, settings)
    index = vector.get("vectorIndexConfig") or {}
    distance = index.get("distance", "cosine")
    if distance not in DISTANCES or (index.get("multivector") or {}).get("enabled"):
        what = f"the distance `{distance}`" if distance not in DISTANCES else "several vectors per object"
        raise LibraryError(
            f"The vector `{name}` of `{address}` has {what}, which no CLIP model makes.",
            hint=f"name a vector whose distance is one of {', '.join(DISTANCES)}",
        )
    types = {each["name"]: each["dataType"][0] for each in settings.get("properties") or ()}
    return FieldMapping(
        vector=name,
        distance=distance,
        exact=vector.get("vectorIndexType") == "flat",
        image=_property(address, "image", asked.image, types, ("blob", "text")),
        blob=types.get(asked.image) == "blob",
        caption=_property(address, "caption", asked.caption, types, ("text", "text[]")),
        shared=tuple(_shared(types, besides=(asked.image, asked.caption))),
    )


def _vector(address: Address, name: str, settings: Json) -> tuple[str, dict[str, Any]]:
    """The name and the settings of the vector that is used."""
    named = dict(settings.get("vectorConfig") or {})
    if not named and name in ("", "default"):
        return "", dict(settings)  # an old collection: one vector without a name
    if not name and len(named) == 1:
        name = next(iter(named))
    if name not in named:
        wrong = f"has no vector `{name}`" if name else "has several vectors"
        raise LibraryError(f"`{address}` {wrong}.", hint=f"set `vector=` to one of: {_listed(named)}")
    return name, dict(named[name])


def _property(address: Address, option: str, name: str, types: Json, allowed: tuple[str, ...]) -> str:
    """The name of a property, if the collection has it and its type is allowed."""
    if name and types.get(name) not in allowed:
        wrong = f"is of the type {types[name]}" if name in types else "does not exist"
        usable = _listed(each for each, kind in types.items() if kind in allowed)
        raise LibraryError(
            f"The property `{name}` of `{address}` {wrong}.", hint=f"set `{option}=` to one of: {usable}"
        )
    return name


def _shared(types: Json, besides: tuple[str, ...]) -> Iterator[str]:
    """The properties of our names and types, besides those that the options name."""
    ours = {each["name"]: each["dataType"][0] for each in image_schema.collection()["properties"]}
    yield from (name for name in SHARED if types.get(name) == ours[name] and name not in besides)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none, because it has none"
