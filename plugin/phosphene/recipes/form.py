"""What a sound recipe has: every key that is needed to make the picture again, and what it may hold."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from phosphene.errors import VectorError
from phosphene.recipes.bounds import HEAVIEST, LARGEST_SIDE, MOST_GUIDANCE, MOST_STEPS, SEEDS
from phosphene.recipes.lineage import decode


def _decodable(text: str) -> str:
    try:
        decode(text)
    except VectorError as error:
        raise ValueError(error.message) from error
    return text


Id = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Guidance = Annotated[float, Field(ge=0, le=MOST_GUIDANCE)]
Strength = Annotated[float, Field(gt=0, le=1)]
Whole = Annotated[int, Field(ge=0, lt=SEEDS)]
Side = Annotated[int, Field(ge=1, le=LARGEST_SIDE)]
Encoded = Annotated[str, AfterValidator(_decodable)]


class Part(BaseModel):
    """Something in a recipe. Types are taken as they are, and unknown keys are let be."""

    model_config = ConfigDict(strict=True)


class Parent(Part):
    """An image that it was made from: a neighbour of the prompt, or where it started from."""

    id: Id
    sha256: str  # empty where somebody else's collection holds none
    weight: Annotated[Finite, Field(ge=0, le=HEAVIEST)]
    similarity: Finite
    role: Literal["neighbour", "init"] = "neighbour"


class Negative(Part):
    """What it was led away from."""

    prompt: str
    vector: Encoded


class Named(Part):
    """A picture that it started from, or its mask. Older versions wrote where it lay, as `uri`."""

    sha256: Sha256
    id: Id | None = None
    uri: str | None = None


class Form(Part):
    """The whole recipe."""

    format: int
    prompt: str
    space: str
    vector: Encoded | None
    parents: list[Parent]
    negative: list[Negative]
    init: Named | None
    mask: Named | None
    generator: str
    weights: str
    seed: Whole
    candidate: Whole = 0
    steps: Annotated[int, Field(ge=1, le=MOST_STEPS)]
    size: Annotated[list[Side], Field(min_length=2, max_length=2)]
    text_guidance: Guidance
    neighbour_guidance: Guidance
    strength: Strength = 1.0
    neighbour_strength: Strength = 1.0
    fit: Literal["crop", "pad", "stretch"] = "stretch"
    transparent: Literal["kept"] | None = None

    @model_validator(mode="after")
    def _one_space(self) -> "Form":
        vectors = [self.vector] * (self.vector is not None) + [each.vector for each in self.negative]
        if len({len(decode(vector)) for vector in vectors if vector}) > 1:
            raise ValueError("`vector` and those of `negative` differ in length")
        return self

    @model_validator(mode="after")
    def _mask_lies_on_a_start(self) -> "Form":
        if self.mask and not self.init:
            raise ValueError("there is a `mask`, but no `init` that it lies on")
        return self
