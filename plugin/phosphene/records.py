"""What travels through phosphene: plain frozen records, without behaviour."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, cast

from typing_extensions import TypeVar

from phosphene.vectors import Vector

Origin = Literal["imported", "generated"]
Role = Literal["neighbour", "init"]
# Whether an image has its vector. `default` says what a plain `Image` is (PEP 696; in `typing` from 3.13).
V = TypeVar("V", bound=Vector | None, default=Vector | None, covariant=True)


@dataclass(frozen=True, slots=True)
class Space:
    """An encoder's identity. Vectors of two spaces never mix.

    `id` is `architecture:sha256 of the weights and the preprocessing` and holds no path;
    `name` is how a user wrote it, which is how its encoder is found again.
    """

    id: str
    name: str
    dimension: int


@dataclass(frozen=True, slots=True)
class Parent:
    """An image that another one was made from: its id, weight and cosine to the query.

    A neighbour led it by its vector; from the `init` image it started.
    """

    id: str
    weight: float
    similarity: float
    role: Role = "neighbour"


@dataclass(frozen=True, slots=True)
class Image(Generic[V]):
    """One image of a library: `Image[Vector]` has its unit vector (d,), and in an `Image` it may be None.

    The type follows from how a store is asked, so that nobody has to check for None. `thumbnail` is there
    where an image is written.
    """

    id: str
    sha256: str  # of the file's bytes; of the recipe's canonical JSON for generated ones
    uri: str  # absolute path, or one relative to the library's folder for generated ones
    caption: str  # the fullest caption
    captions: tuple[str, ...]
    origin: Origin  # `imported`: a user added it; `generated`: phosphene made it
    width: int
    height: int
    created: str  # RFC 3339, UTC; empty where another program put it there and did not say
    norm: float  # length of the vector before it was normalised
    recipe: Mapping[str, Any] | None = None
    parents: tuple[Parent, ...] = ()
    vector: V = field(default=cast("V", None), repr=False, compare=False)
    thumbnail: bytes | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Hit(Generic[V]):
    """An image and its score: the cosine similarity in [-1, 1], in every store. A higher one is nearer."""

    image: Image[V]
    score: float


@dataclass(frozen=True, slots=True)
class Shown:
    """An image with its relatives. A parent that was removed from the library is only an id."""

    image: Image
    parents: tuple[Image | str, ...]
    descendants: tuple[Image, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """What a library holds, and in which space."""

    library: str  # its folder or its URL
    store: str  # the kind of store, such as `lancedb`
    model: str
    dimension: int
    images: int
    imported: int
    generated: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be added, and why."""

    uri: str
    reason: str
