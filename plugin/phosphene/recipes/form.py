"""The form of a valid recipe: every key that is needed to make the picture again, with its bounds.

A stranger may have written the recipe. So its settings have to be flat, few and short, and nothing in them is
ever used as a path, a class or an address.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from phosphene.errors import VectorError
from phosphene.recipes.bounds import (
    MAX_CANDIDATES,
    MAX_GUIDANCE,
    MAX_SETTING_LENGTH,
    MAX_SETTINGS,
    MAX_SIDE,
    MAX_STEPS,
    MAX_WEIGHT,
    SEED_LIMIT,
    Fit,
    Lane,
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
Guidance = Annotated[float, Field(ge=0, le=MAX_GUIDANCE)]
Strength = Annotated[float, Field(gt=0, le=1)]
Closeness = Annotated[float, Field(ge=0, le=1)]
Whole = Annotated[int, Field(ge=0, lt=SEED_LIMIT)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]
Length = Annotated[int, Field(ge=0, le=MAX_SIDE)]
Edge = Annotated[int, Field(ge=-MAX_SIDE, le=2 * MAX_SIDE)]  # of a region, which may exceed its picture
Encoded = Annotated[str, AfterValidator(_decodable)]
Candidate = Annotated[Whole, Field(le=2 * MAX_CANDIDATES)]
Steps = Annotated[int, Field(ge=1, le=MAX_STEPS)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
ShortText = Annotated[str, Field(max_length=100)]
Setting = bool | int | Finite | Annotated[str, Field(max_length=MAX_SETTING_LENGTH)]


class StrictModel(BaseModel):
    """A part of a recipe. Types are not converted, and unknown keys are ignored."""

    model_config = ConfigDict(strict=True)


class ParentEntry(StrictModel):
    """An image that the picture was made from: a neighbour of the prompt, or the init image."""

    id: Id
    sha256: str  # empty if it comes from an external collection without digests
    weight: Annotated[Finite, Field(ge=0, le=MAX_WEIGHT)]
    similarity: Finite
    role: Literal["neighbour", "init"] = "neighbour"
    picture: Literal["file", "thumbnail"] = "file"  # what the lane took, if it took pictures


class Negative(StrictModel):
    """A negative prompt, from which the picture was steered away."""

    prompt: str
    vector: Encoded


class InputPicture(StrictModel):
    """The init image or its mask. Older versions also wrote its path, as `uri`."""

    sha256: Sha256
    id: Id | None = None
    uri: str | None = None
    transparency: Literal["kept", "painted"] = "kept"  # of a mask; older versions made it anew


class RectangleMask(StrictModel):
    """A mask that is white in a rectangle of the init image: x, y, width and height in pixels."""

    rectangle: Annotated[list[Length], Field(min_length=4, max_length=4)]


class WordsMask(StrictModel):
    """A mask that words have become: a small PNG, in which what is made anew is white."""

    words: str
    png: Annotated[str, Field(max_length=MAX_SETTING_LENGTH, pattern=r"^[A-Za-z0-9+/]+=*$")]


class MarginsMask(StrictModel):
    """The margins by which the init image was extended: left, top, right and bottom in pixels."""

    margins: Annotated[list[Length], Field(min_length=4, max_length=4)]


class StyleEntry(StrictModel):
    """A style of the picture, and the images that stood for it. It informs people."""

    prompt: str
    ids: list[str]


class StyleVector(StrictModel):
    """What a generator read of a style: a unit vector of the lane's space, and its norm."""

    vector: Encoded
    norm: Annotated[Finite, Field(gt=0)]


class AdditionEntry(StrictModel):
    """A file that was added to a checkpoint, by its name without folders. `weights` counts it."""

    kind: Literal["adapter", "lora"]
    file: Annotated[str, Field(max_length=255)]
    sha256: Sha256
    weight: Finite


class Words(StrictModel):
    """The words that a generator read, if it reads words."""

    prompt: str
    negative_prompt: str


class Common(StrictModel):
    """The keys that recipes of all formats have."""

    format: int
    prompt: str
    space: str
    vector: Encoded | None
    parents: list[ParentEntry]
    negative: list[Negative]
    init: InputPicture | None
    mask: InputPicture | RectangleMask | MarginsMask | WordsMask | None
    generator: str
    weights: str
    seed: Whole
    size: Annotated[list[Side], Field(min_length=2, max_length=2)]

    @model_validator(mode="after")
    def _one_space(self) -> Self:
        vectors = [self.vector] * (self.vector is not None) + [each.vector for each in self.negative]
        if len({len(decode(vector)) for vector in vectors if vector}) > 1:
            raise ValueError("`vector` and the vectors of `negative` have different lengths")
        return self

    @model_validator(mode="after")
    def _mask_lies_on_an_init_image(self) -> Self:
        if self.mask and not self.init:
            raise ValueError("it has a `mask`, but no `init` for the mask to lie on")
        return self


class Form(Common):
    """A recipe of today's format. The names and types of its `settings` are checked by the generator."""

    candidate: Candidate
    num_inference_steps: Steps
    guidance_scale: Guidance | None
    strength: Strength | None
    fit: Fit
    lane: Lane | None = None  # older versions did not write it
    closeness: Closeness | None = None
    settings: Annotated[dict[Name, Setting], Field(max_length=MAX_SETTINGS)]
    sampler: str = ""
    runtime: Annotated[dict[Name, ShortText], Field(max_length=MAX_SETTINGS)] = {}
    words: Words | None = None
    additions: Annotated[list[AdditionEntry], Field(max_length=MAX_SETTINGS)] | None = None
    style: list[StyleEntry] | None = None
    style_vectors: list[StyleVector] | None = None
    region: Annotated[list[Edge], Field(min_length=4, max_length=4)] | None = None  # see `generation.regions`


class OldForm(Common):
    """A recipe of the format 1 or 2."""

    candidate: Candidate = 0
    steps: Steps
    text_guidance: Guidance
    neighbour_guidance: Guidance
    strength: Strength = 1.0
    neighbour_strength: Strength = 1.0
    fit: Fit = "stretch"
    transparent: Literal["kept"] | None = None
