"""What a generator says of itself before it is asked for anything."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite

from phosphene.errors import GenerationError
from phosphene.generation.requests import Lane, Mode, Value


@dataclass(frozen=True, slots=True)
class Option:
    """A setting of a family's own. The type is that of its default; the bounds are JSON Schema's."""

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
        """The value in the option's type. Raises GenerationError where it is none of it."""
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
        """The value that a user wrote on a command line. Raises GenerationError where it is none."""
        try:
            value = text if self.type is str else json.loads(text.lower())
        except ValueError:
            value = text
        return self.checked(name, value)

    @property
    def range(self) -> str:
        """The bounds in words."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a generator can do. `checks.check` refuses every request that this does not allow.

    `lanes` name the parts of a request that it reads. `space` and `dimension` are those of the
    vectors that it speaks, and None for a generator that reads none.
    """

    name: str  # how recipes name it
    weights: str  # sha256 of everything that decides its pictures: its identity in recipes
    lanes: frozenset[Lane]
    size: tuple[int, int]  # the default width and height
    space: str | None = None
    dimension: int | None = None
    max_references: int = 0
    modes: frozenset[Mode] = frozenset({"text-to-image"})
    multiple: int = 8  # both sides are multiples of it
    sides: tuple[int, int] | None = None  # shortest and longest side; None: `size` is the only one
    num_inference_steps: int = 20
    guidance_scale: float | None = None  # None: it has no guidance
    candidates: int = 1  # how many are best made for one that is kept
    sampler: str = ""  # as AUTOMATIC1111's web UI names it
    options: Mapping[str, Option] = field(default_factory=dict)
    licence: str = ""
    size_on_disk: int | None = None  # bytes
    size_in_memory: int | None = None  # bytes


def _wrong(name: str, value: object, reason: str) -> GenerationError:
    shown = ascii(value)
    return GenerationError(
        f"The option `{name}` is {shown if len(shown) < 60 else shown[:60] + '…'} and {reason}.",
        hint="leave it out to use the generator's default",
    )
