"""New pictures from vectors: the Generator seam.

Generators never search, so what they were handed is exactly the lineage.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from PIL.Image import Image as Picture

from phosphene.vectors import Vector

Mode = Literal["text-to-image", "image-to-image", "inpainting"]
Fit = Literal["crop", "pad", "stretch"]  # how a start that is not square becomes one


@dataclass(frozen=True, slots=True)
class Reference:
    """A neighbour as a generator sees it: id, unit vector (d,), its weight and its similarity.

    `picture` is a small one of it, where one is at hand and the generator starts from such.
    """

    id: str
    vector: Vector
    weight: float = 1.0
    similarity: float = 1.0
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One picture to make. Any of `text`, `references`, both or none; where None, the generator's own."""

    space: str  # Space.id of the vectors
    seed: int
    candidate: int = 0  # which of the pictures that one seed can give
    candidates: int | None = None  # how many are made, from that one on, for the best to be kept
    text: Vector | None = None
    references: tuple[Reference, ...] = ()
    negative: tuple[Vector, ...] = ()  # unit vectors to steer away from
    init: Picture | None = None  # image-to-image: where to start from
    mask: Picture | None = None  # inpainting: white is made anew, black and transparent is kept
    fit: Fit = "crop"  # what becomes of a start, and its mask, that is not square
    strength: float = 1.0  # image-to-image starts at this noise level, in (0, 1]
    size: tuple[int, int] | None = None  # width, height
    steps: int | None = None
    guidance_scale: float | None = None
    image_guidance_scale: float | None = None
    neighbour_strength: float | None = None  # candidates start from neighbours' pictures at this noise level


@dataclass(frozen=True, slots=True)
class Step:
    """Progress: `preview()` gives the predicted clean picture of each item of the batch at work."""

    index: int  # counts from 1
    total: int
    sigma: float  # noise level, 1 is pure noise
    share: float  # of the whole call that is done, in (0, 1]
    preview: Callable[[], list[Picture]]


@dataclass(frozen=True, slots=True)
class Generated:
    """One picture that was made, and the settings it was really made with (for the recipe)."""

    picture: Picture
    settings: Mapping[str, Any]  # generator, steps, guidance_scale, image_guidance_scale, size, seed …


@dataclass(frozen=True, slots=True)
class Capcapabilities:
    """What a generator can do, said before it is asked to."""

    name: str
    weights: str  # sha256 of sampler and weights: the generator's identity in recipes
    space: str  # Space.id of the vectors that it was trained on
    dimension: int
    max_references: int
    modes: frozenset[Mode]
    size: tuple[int, int]
    default_steps: int
    candidates: int  # how many pictures are best made for one that is kept
    starts: int  # of how many neighbours, the nearest ones, it looks at the pictures
    licence: str


class Generator(Protocol):
    """Requests to pictures."""

    @property
    def capabilities(self) -> Capcapabilities:
        """What it can do."""
        ...

    def generate(
        self, requests: Sequence[Request], *, on_step: Callable[[Step], bool | None] | None = None
    ) -> Iterator[Generated]:
        """Make the pictures, in order. Raises GenerationError for what it cannot serve.

        `on_step` that returns False stops it: the pictures of unfinished batches do not come.
        """
        ...
