"""The capabilities of a generator, by which a request is checked before any work is done."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal

from phosphene.errors import GenerationError
from phosphene.generation.requests import Mode, Reads, Value

AdditionKind = Literal["adapter", "lora"]


@dataclass(frozen=True, slots=True)
class Option:
    """A setting that only one family of generators has.

    Its type is the type of its default. The names of the bounds are those of JSON Schema.
    """

    default: Value
    help: str = ""
    minimum: float | None = None
    exclusive_minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Value, ...] = ()

    @property
    def type(self) -> type[Value]:
        """bool, int, float or str."""
        return type(self.default)

    def checked(self, name: str, value: object) -> Value:
        """The value in the option's type. Raises GenerationError for a value that the option cannot have."""
        if self.type is float and type(value) is int:
            value = float(value)
        if type(value) is not self.type:
            raise _wrong(name, value, f"must be of the type {self.type.__name__}")
        assert isinstance(value, bool | int | float | str)
        if isinstance(value, int | float) and not isinstance(value, bool) and not self._within(value):
            raise _wrong(name, value, f"must be {self.range}")
        if self.choices and value not in self.choices:
            raise _wrong(name, value, f"must be one of {', '.join(map(str, self.choices))}")
        return value

    def read(self, name: str, text: str) -> Value:
        """The value in a text from the command line. Raises GenerationError as `checked` does."""
        try:
            value = text if self.type is str else json.loads(text.lower())
        except ValueError:
            value = text
        return self.checked(name, value)

    @property
    def range(self) -> str:
        """The bounds in words, for an error."""
        least = f"above {self.exclusive_minimum:g}" if self.exclusive_minimum is not None else ""
        least = f"at least {self.minimum:g}" if self.minimum is not None else least
        most = f"at most {self.maximum:g}" if self.maximum is not None else ""
        return " and ".join(filter(None, (least, most))) or "a finite number"

    def _within(self, number: float) -> bool:
        return (
            isfinite(number)
            and (self.minimum is None or number >= self.minimum)
            and (self.exclusive_minimum is None or number > self.exclusive_minimum)
            and (self.maximum is None or number <= self.maximum)
        )


@dataclass(frozen=True, slots=True)
class Addition:
    """A file that was added to a checkpoint. `file` is its name without folders."""

    kind: AdditionKind
    file: str
    sha256: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The capabilities of a generator. `checks.check` refuses every request that they do not allow.

    `reads` are the parts of a request that the generator uses. `space` and `dimension` describe the vectors
    that it understands. Both are None for a generator that reads no vectors. `model` is the name of an
    embedding model that makes such vectors, such as `ViT-H-14/laion2b_s32b_b79k`. `fetch` is the command that
    brings the files with which it would follow neighbours more closely, if they are not on this machine. A
    generator that learned from few captions may list their words as its `vocabulary`, so that users are
    warned of other words.
    """

    name: str  # its name in recipes
    weights: str  # sha256 of everything that decides its pictures; recipes identify it by this
    reads: frozenset[Reads]
    size: tuple[int, int]  # the default width and height
    space: str | None = None
    dimension: int | None = None
    model: str | None = None
    needs_norms: bool = False  # of the references' vectors, because it reads raw embeddings
    max_references: int = 0
    modes: frozenset[Mode] = frozenset({"text-to-image"})
    multiple: int = 8  # both sides have to be multiples of it
    sides: tuple[int, int] | None = None  # the shortest and the longest side; None: only `size`
    num_inference_steps: int = 20
    guidance_scale: float | None = None  # None for a generator without guidance
    closeness: float | None = None  # the default; None for a generator that always follows references fully
    negative_prompt: bool = False  # whether it reads one as words
    additions: tuple[Addition, ...] = ()  # to the checkpoint, which its `weights` count
    vocabulary: frozenset[str] | None = None  # the only words that it knows, in lower case; None for no limit
    candidates: int = 1  # the default number of candidates, of which one is kept
    sampler: str = ""  # the name that AUTOMATIC1111's web UI has for it
    options: Mapping[str, Option] = field(default_factory=dict)
    fetch: str = ""
    # the device, the versions and whatever else the last bits of its pictures depend on
    runtime: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""
    size_on_disk: int | None = None  # bytes
    size_in_memory: int | None = None  # bytes


def _wrong(name: str, value: object, reason: str) -> GenerationError:
    shown = ascii(value)
    return GenerationError(
        f"The option `{name}` is {shown if len(shown) < 60 else shown[:60] + '…'}, but {reason}.",
        hint="leave it out to use the generator's default",
    )
