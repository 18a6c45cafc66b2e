"""The options that say how neighbours lead a picture, and the line that says which lane they take."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.options import ZERO_TO_ONE
from phosphene.cli.output import Output

if TYPE_CHECKING:
    from phosphene.generation import Lane, OnLane
    from phosphene.library import Library

NAMES = ("vectors", "embedded", "pictures", "start", "words")  # `generation.lanes.LANES`, best first
LANE = click.option(
    "--lane",
    type=click.Choice(NAMES),
    help="The way that neighbours take into a picture.  [default: the best that is possible]",
)
CLOSENESS = click.option(
    "--closeness",
    type=ZERO_TO_ONE,
    help="How closely a picture follows the neighbours.  [default: the generator's]",
)


def lane_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `generate` on the lane."""
    return LANE(CLOSENESS(function))


def saying(output: Output, library: "Library") -> "OnLane":
    """A function that says which lane was taken, and the command that makes a better one possible."""
    from phosphene.generation.lanes import WAYS, better

    def say(lane: "Lane") -> None:
        output.note(f"lane {lane}: {WAYS[lane]}")
        if command := better(lane, library.generator.capabilities):
            output.note(f"hint: for a better lane run `{command}`")

    return say
