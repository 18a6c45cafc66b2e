"""The request that a generator gets, and the results that it returns: plain frozen records."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from PIL.Image import Image as Picture

from phosphene.errors import GenerationError
from phosphene.recipes.bounds import Fit, Lane
from phosphene.vectors import Vector

Mode = Literal["text-to-image", "image-to-image", "inpainting"]
# The parts of a request that a generator reads: the prompt as text, the prompt's vector, the vectors and the
# pictures of the references, and the vectors of styles.
Reads = Literal["words", "prompt_vector", "vectors", "pictures", "styles"]
Value = bool | int | float | str
LoadPicture = Callable[[int | None], Picture | None]


def no_picture(side: int | None) -> None:
    """The opener of a reference without a picture."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An image that a picture is made from, usually a neighbour of the prompt.

    `vector` (d,) is a unit vector of the request's `vectors_space`. `norm` is the length that it had before
    it was normalised, so `raw` is the encoder's own output. `norm` is None if the store does not know it.

    `picture(None)` opens the full picture. `picture(side)` opens any version that is large enough for a
    longer side of so many pixels, which may be the stored thumbnail. Both return None if no picture is left.
    Nothing is read before they are called. `from_thumbnail` says that the lane took the thumbnail, because
    the file is gone.
    """

    id: str
    vector: Vector
    norm: float | None = None
    weight: float = 1.0
    similarity: float = 1.0  # cosine to the prompt
    picture: LoadPicture = field(default=no_picture, repr=False, compare=False)
    from_thumbnail: bool = False

    @property
    def raw(self) -> Vector:
        """The embedding (d,) before it was normalised. Raises GenerationError if its norm is unknown."""
        if self.norm is None:
            raise GenerationError(
                f"The library does not know the norm of the vector of `{self.id}`.",
                hint="use `--lane embedded`, or add the picture again to store its norm",
            )
        return np.asarray(self.vector * np.float32(self.norm), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One picture to make. None stands for the generator's default, which `checks.completed` fills in.

    A generator reads the parts that `Capabilities.reads` names.
    """

    seed: int  # of the noise
    prompt: str = ""  # the words of the query, without its pictures and ids
    negative_prompt: str = ""
    space: str | None = None  # the `Space.id` of `vector` and `negative_vectors`, which is the library's
    vector: Vector | None = None  # (d,), of the whole query
    negative_vectors: tuple[Vector, ...] = ()  # unit vectors to steer away from
    references: tuple[Reference, ...] = ()
    styles: tuple[Reference, ...] = ()  # what the picture should look like, whatever they show
    reference_space: str | None = None  # of the vectors of references and styles, if it is not `space`
    lane: Lane | None = None  # how the references are used; None: by all that the generator reads
    closeness: float | None = None  # how closely the references are followed, in [0, 1]
    init: Picture | None = None  # where image-to-image and inpainting begin
    mask: Picture | None = None  # white parts of `init` are made anew, black and transparent ones are kept
    fit: Fit = "crop"
    strength: float | None = None  # how far the picture may go from `init`, in (0, 1]
    size: tuple[int, int] | None = None  # width, height
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    candidate: int = 0  # the number of this try, by which a family may vary more than the noise
    options: Mapping[str, Value] = field(default_factory=dict)  # only this family has them

    @property
    def vectors_space(self) -> str | None:
        """The `Space.id` of the references' vectors."""
        return self.reference_space or self.space

    @property
    def mode(self) -> Mode:
        """The task, as diffusers calls it."""
        if self.mask is not None:
            return "inpainting"
        return "text-to-image" if self.init is None else "image-to-image"


@dataclass(frozen=True, slots=True)
class Step:
    """Progress. `preview()` returns the predicted clean picture of every request in the current batch."""

    index: int  # counts from 1
    total: int
    sigma: float  # the noise level, where 1 is pure noise
    share: float  # the part of the whole call that is done, in (0, 1]
    preview: Callable[[], list[Picture]]
    quick_preview: bool = True  # whether `preview` costs little beside a step


@dataclass(frozen=True, slots=True)
class TokenCount:
    """How many tokens a prompt has, and in how many chunks a generator reads them."""

    tokens: int
    chunks: int


OnStep = Callable[[Step], bool | None]
OnLane = Callable[[Lane], None]  # is called with the lane that was taken, before anything is made


@dataclass(frozen=True, slots=True)
class Generated:
    """One result. `picture()` finishes it, so a candidate that is not kept costs less.

    `settings` are the options that were really used. The recipe keeps them, and a replay passes them as
    `Request.options`. `vector` (d,) is the generator's own prediction of the picture's unit vector in its
    space. If it is None, the picture is embedded to choose between candidates.
    """

    picture: Callable[[], Picture]
    settings: Mapping[str, Value] = field(default_factory=dict)
    vector: Vector | None = None
