"""What is asked of a generator, and what comes back: plain frozen records."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from PIL.Image import Image as Picture

from phosphene.errors import GenerationError
from phosphene.recipes.bounds import Fit
from phosphene.vectors import Vector

Mode = Literal["text-to-image", "image-to-image", "inpainting"]
Lane = Literal["vectors", "pictures", "words"]
Value = bool | int | float | str
LoadPicture = Callable[[int | None], Picture | None]


def nothing(side: int | None) -> None:
    """Open nothing: a reference without a picture."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An image that leads a generation, usually a neighbour of the prompt.

    `vector` (d,) is of length one in the request's space. `norm` is its length before it was
    normalised, so that `raw` is what the encoder said; it is None where the store does not know it.
    `picture(side)` opens the picture: in full with None, and with a number of pixels in any version
    whose longer side has that many, which may be the stored thumbnail. It answers None where no
    picture is left. Nothing is read before it is called.
    """

    id: str
    vector: Vector
    norm: float | None = None
    weight: float = 1.0
    similarity: float = 1.0  # cosine to the prompt
    picture: LoadPicture = field(default=nothing, repr=False, compare=False)

    @property
    def raw(self) -> Vector:
        """The embedding (d,) before it was normalised. Raises GenerationError where that is unknown."""
        if self.norm is None:
            raise GenerationError(
                f"The library does not know the norm of the vector of `{self.id}`.",
                hint="add the picture again, so that its norm is stored",
            )
        return np.asarray(self.vector * np.float32(self.norm), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One picture to make. What is None is the generator's own default, see `checks.completed`.

    A generator reads the parts that its lanes name: the words, the vectors, or the references' pictures.
    """

    seed: int  # of the noise
    prompt: str = ""  # the words of the query, without its pictures and ids
    negative_prompt: str = ""
    space: str | None = None  # Space.id of all vectors
    vector: Vector | None = None  # of the query, (d,)
    negative_vectors: tuple[Vector, ...] = ()  # unit vectors to steer away from
    references: tuple[Reference, ...] = ()
    init: Picture | None = None  # image-to-image and inpainting begin with it
    mask: Picture | None = None  # inpainting: white is made anew, black and transparent is kept
    fit: Fit = "crop"
    strength: float | None = None  # how far to go from `init`, in (0, 1]
    size: tuple[int, int] | None = None  # width, height
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    candidate: int = 0  # the number of this try; a family may vary more than the noise by it
    options: Mapping[str, Value] = field(default_factory=dict)  # the family's own

    @property
    def mode(self) -> Mode:
        """What diffusers calls the task."""
        if self.mask is not None:
            return "inpainting"
        return "text-to-image" if self.init is None else "image-to-image"


@dataclass(frozen=True, slots=True)
class Step:
    """Progress: `preview()` gives the predicted clean picture of each request of the batch at work."""

    index: int  # counts from 1
    total: int
    sigma: float  # noise level, 1 is pure noise
    share: float  # of the whole call that is done, in (0, 1]
    preview: Callable[[], list[Picture]]


OnStep = Callable[[Step], bool | None]


@dataclass(frozen=True, slots=True)
class Generated:
    """One result. `picture()` finishes it, so that a candidate that is not kept may cost less.

    `settings` are the family's options as they were really used: the recipe keeps them, and a replay
    hands them back as `Request.options`. `vector` (d,) is the generator's own cheap guess of the
    finished picture's unit vector in its space; where it is None, the embedder is asked.
    """

    picture: Callable[[], Picture]
    settings: Mapping[str, Value] = field(default_factory=dict)
    vector: Vector | None = None
