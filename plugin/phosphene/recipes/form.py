"""What a sound recipe holds: every key that is needed to make the picture again, and its bounds.

A stranger may have written it. The settings are flat, few and short; nothing in them is followed.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from phosphene.errors import VectorError
from phosphene.recipes.bounds import (
    HEAVIEST,
    LARGEST_SIDE,
    LONGEST_SETTING,
    MOST_CANDIDATES,
    MOST_GUIDANCE,
    MOST_SETTINGS,
    MOST_STEPS,
    SEEDS,
    Fit,
)
from phosphene.recipes.lineage import decode


def _decodable(text: str) -> str:
    try:
        decode(text)
    except VectorError as error:
        raise ValueError(error.message.rstrip(".")) from error
    return text


Id = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Guidance = Annotated[float, Field(ge=0, le=MOST_GUIDANCE)]
Strength = Annotated[float, Field(gt=0, le=1)]
Whole = Annotated[int, Field(ge=0, lt=SEEDS)]
Side = Annotated[int, Field(ge=1, le=LARGEST_SIDE)]
Encoded = Annotated[str, AfterValidator(_decodable)]
Candidate = Annotated[Whole, Field(le=2 * MOST_CANDIDATES)]
Steps = Annotated[int, Field(ge=1, le=MOST_STEPS)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Setting = bool | int | Finite | Annotated[str, Field(max_length=LONGEST_SETTING)]


class StrictModel(BaseModel):
    """Something in a recipe. No type is converted, and unknown keys are ignored."""

    model_config = ConfigDict(strict=True)


class ParentEntry(StrictModel):
    """An image that it was made from: a neighbour of the prompt, or the init image."""

    id: Id
    sha256: str  # empty where somebody else's collection holds none
    weight: Annotated[Finite, Field(ge=0, le=HEAVIEST)]
    similarity: Finite
    role: Literal["neighbour", "init"] = "neighbour"


class Negative(StrictModel):
    """What it was steered away from."""

    prompt: str
    vector: Encoded


class InputPicture(StrictModel):
    """The init image, or its mask. Older versions wrote where it lay, as `uri`."""

    sha256: Sha256
    id: Id | None = None
    uri: str | None = None
    transparency: Literal["kept", "painted"] = "kept"  # of a mask; older versions painted over it


class Words(StrictModel):
    """What a generator read that takes words."""

    prompt: str
    negative_prompt: str


class Common(StrictModel):
    """What recipes of all formats have."""

    format: int
    prompt: str
    space: str
    vector: Encoded | None
    parents: list[ParentEntry]
    negative: list[Negative]
    init: InputPicture | None
    mask: InputPicture | None
    generator: str
    weights: str
    seed: Whole
    size: Annotated[list[Side], Field(min_length=2, max_length=2)]

    @model_validator(mode="after")
    def _one_space(self) -> Self:
        vectors = [self.vector] * (self.vector is not None) + [each.vector for each in self.negative]
        if len({len(decode(vector)) for vector in vectors if vector}) > 1:
            raise ValueError("`vector` and those of `negative` differ in length")
        return self

    @model_validator(mode="after")
    def _mask_lies_on_an_init_image(self) -> Self:
        if self.mask and not self.init:
            raise ValueError("there is a `mask`, but no `init` for it to lie on")
        return self


class Form(Common):
    """A recipe of today's format. The generator that owns the `settings` checks their names and types."""

    candidate: Candidate
    num_inference_steps: Steps
    guidance_scale: Guidance | None
    strength: Strength | None
    fit: Fit
    settings: Annotated[dict[Name, Setting], Field(max_length=MOST_SETTINGS)]
    sampler: str = ""
    words: Words | None = None


class OldForm(Common):
    """A recipe of the formats 1 and 2."""

    candidate: Candidate = 0
    steps: Steps
    text_guidance: Guidance
    neighbour_guidance: Guidance
    strength: Strength = 1.0
    neighbour_strength: Strength = 1.0
    fit: Fit = "stretch"
    transparent: Literal["kept"] | None = None
