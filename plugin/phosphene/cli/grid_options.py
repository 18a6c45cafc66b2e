"""`--grid`: the same picture with several values of one or two settings."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import click

MAX_CELLS = 400
# The settings that may vary: what `Library.generate` calls them, and their types. `seeds` is a number.
SETTINGS: dict[str, tuple[str, Callable[[str], int | float]]] = {
    "seeds": ("seed", int),
    "guidance": ("guidance_scale", float),
    "image-guidance": ("image_guidance_scale", float),
    "neighbour-strength": ("neighbour_strength", float),
    "closeness": ("closeness", float),
    "strength": ("strength", float),
    "steps": ("num_inference_steps", int),
    "neighbours": ("neighbours", int),
    "candidates": ("candidates", int),
}


@dataclass(frozen=True, slots=True)
class Axis:
    """A setting and its values, as the user wrote it."""

    name: str
    values: tuple[int | float, ...]

    def wishes(self, value: float, seed: int) -> dict[str, Any]:
        """The keyword arguments of `Library.generate` for a value. Seeds are counted from `seed`."""
        return {SETTINGS[self.name][0]: seed + value if self.name == "seeds" else value}

    def label(self, value: float, seed: int) -> str:
        """What the sheet writes beside a value."""
        return f"seed {seed + value}" if self.name == "seeds" else f"{self.name} {value:g}"


class GridType(click.ParamType[tuple[Axis, ...]]):
    """`seeds=3,guidance=3,5,7`: one or two settings with their values."""

    name = "NAME=VALUE,…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Axis, ...]:
        """Read the axes. A comma separates values, and settings."""
        found: dict[str, list[str]] = {}
        name = ""
        for part in str(value).split(","):
            before, equals, after = part.strip().rpartition("=")
            name = before.strip() if equals else name
            if name not in SETTINGS or (equals and name in found):
                self.fail(f"{part!r}: the settings are {', '.join(SETTINGS)}, each at most once", param, ctx)
            found.setdefault(name, []).append(after.strip())
        axes = tuple(Axis(name, self._values(name, texts, param, ctx)) for name, texts in found.items())
        cells = len(list(product(*(axis.values for axis in axes))))
        if len(axes) > 2 or not 1 <= cells <= MAX_CELLS:
            self.fail(f"{value!r} must have one or two settings and 1 to {MAX_CELLS} pictures", param, ctx)
        return axes

    def _values(
        self, name: str, texts: Sequence[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int | float, ...]:
        try:
            values = tuple(SETTINGS[name][1](text) for text in texts)
        except ValueError:
            self.fail(f"{','.join(texts)!r} are not all numbers for {name}", param, ctx)
        if name != "seeds":
            return values
        if len(values) > 1:
            self.fail(f"`seeds` is a number of seeds, for example seeds=3, not {values}", param, ctx)
        return tuple(range(min(int(values[0]), MAX_CELLS + 1)))


GRID = click.option(
    "--grid",
    metavar="NAME=VALUE,…",
    type=GridType(),
    help="Make a picture for every combination of one or two settings instead of -n pictures, for example"
    " seeds=3,guidance=3,5,7. All have the same --seed. The sheet of -o shows them in rows and columns.",
)


def cells(axes: Sequence[Axis] | None, seed: int | None) -> Iterator[dict[str, Any]]:
    """The keyword arguments that differ from one call of `Library.generate` to the next, row by row.

    Without axes there is one call with nothing else.
    """
    if axes is None:
        yield {}
        return
    assert seed is not None
    for values in product(*(axis.values for axis in axes)):
        wishes = {"count": 1, "seed": seed}
        for axis, value in zip(axes, values, strict=True):
            wishes |= axis.wishes(value, seed)
        yield wishes


def labels(axes: Sequence[Axis], seed: int) -> tuple[list[str], list[str]]:
    """The labels of the rows and of the columns. A single setting varies from column to column."""
    rows, columns = axes if len(axes) == 2 else (None, axes[0])
    return (
        [rows.label(value, seed) for value in rows.values] if rows else [""],
        [columns.label(value, seed) for value in columns.values],
    )
