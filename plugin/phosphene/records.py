"""The records that pass through phosphene: plain, frozen, and without behaviour."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, cast

from typing_extensions import TypeVar

from phosphene.fields import NONE, Fields
from phosphene.vectors import Vector

Origin = Literal["imported", "generated"]
Role = Literal["neighbour", "init"]
Precision = Literal["fp32", "bf16", "int8"]
# Whether an image has its vector. `default` says what a plain `Image` is (PEP 696; in `typing` from 3.13).
V = TypeVar("V", bound=Vector | None, default=Vector | None, covariant=True)


@dataclass(frozen=True, slots=True)
class Space:
    """A vector space, which follows from an embedding model. Vectors of two spaces never mix.

    `id` is `architecture:sha256 of the weights and the preprocessing`, and contains no path. `name` is the
    model's name as the user wrote it, by which the model is found again. `precision` says in which numbers
    the image tower computes: `int8` on processors, `bf16` on GPUs, and `fp32` wherever that is not possible.
    It is not part of the identity, because the vectors of one picture are nearly the same in all three.
    """

    id: str
    name: str
    dimension: int
    precision: Precision = "fp32"


@dataclass(frozen=True, slots=True)
class Parent:
    """An image from which another one was made: its id, its weight, and its cosine to the query.

    The vector of a neighbour guides a generation, and an `init` image is where it starts.
    """

    id: str
    weight: float
    similarity: float
    role: Role = "neighbour"


@dataclass(frozen=True, slots=True)
class Image(Generic[V]):
    """An image of a library. `Image[Vector]` has its unit vector (d,), and in a plain `Image` it may be None.

    The type follows from the arguments of a store's methods, so that nobody has to check for None.
    `thumbnail` is only set when an image is written.
    """

    id: str
    sha256: str  # of the file's bytes; of the recipe's canonical JSON for generated ones
    uri: str  # absolute path, or one relative to the library's folder for generated ones
    caption: str  # the fullest caption
    captions: tuple[str, ...]
    origin: Origin  # `imported`: a user added it; `generated`: phosphene made it
    width: int
    height: int
    created: str  # RFC 3339, UTC; empty if another program wrote the entry without a time
    norm: float  # length of the vector before it was normalised; 0 if it is not known
    recipe: Mapping[str, Any] | None = None
    parents: tuple[Parent, ...] = ()
    fields: Fields = NONE
    vector: V = field(default=cast("V", None), repr=False, compare=False)
    thumbnail: bytes | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Hit(Generic[V]):
    """An image that a search found, and its score: the cosine similarity in [-1, 1]. Higher is nearer.

    `relevance` in [0, 1] says how likely it is what was looked for, and can be compared between queries. It
    is None if that is not known, see `phosphene.relevance`. `copies` are the ids of further hits that show
    the same picture, if they were folded into this one.
    """

    image: Image[V]
    score: float
    relevance: float | None = None
    copies: tuple[str, ...] = ()


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
    """A file that could not be added, and the reason, such as `it is cut off or damaged`."""

    uri: str
    reason: str
