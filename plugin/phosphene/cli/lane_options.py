"""The options that say how neighbours lead a picture, and the lines that say which lane they take."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.options import ZERO_TO_ONE, Number
from phosphene.cli.output import Output

if TYPE_CHECKING:
    from phosphene.generation import Lane, OnLane, TokenCount
    from phosphene.library import Library
    from phosphene.query import Query

NAMES = ("vectors", "embedded", "pictures", "start", "words")  # `generation.lanes.LANES`, best first
MAX_WEIGHT = Number(0, 1e6)
LONG = 75  # tokens, which is what a CLIP reads at once
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


class Weighted(click.ParamType[tuple[str, float]]):
    """`ID` or `ID:WEIGHT`: an image that leads a picture, and how much it counts."""

    name = "ID[:WEIGHT]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """Read an id, which may have `id:` before it, and a weight, which is 1 if it is left out."""
        id, colon, weight = str(value).removeprefix("id:").partition(":")
        return id, float(MAX_WEIGHT.convert(weight, param, ctx)) if colon else 1.0


NEIGHBOUR = click.option(
    "--neighbour",
    "weights",
    metavar="ID[:WEIGHT]",
    type=Weighted(),
    multiple=True,
    callback=lambda context, parameter, value: dict(value),
    help="Let this image lead the pictures, and count by its weight, where every other one counts 1. A weight"
    " of 0 leaves it out. May be given several times.",
)


def lane_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `generate` on the lane."""
    return LANE(CLOSENESS(function))


def saying(output: Output, library: "Library", prompt: "Query | None" = None) -> "OnLane":
    """A function that says which lane was taken, and the command that makes a better one possible.

    It also says how many tokens a long `prompt` has.
    """
    from phosphene.generation.lanes import WAYS, better

    def say(lane: "Lane") -> None:
        output.note(f"lane {lane}: {WAYS[lane]}")
        if command := better(lane, library.generator.capabilities):
            output.note(f"hint: for a better lane run `{command}`")
        if (count := _tokens(library, prompt)) and count.tokens > LONG:
            chunks = f", which are read in {count.chunks} chunks" if count.chunks > 1 else ""
            output.note(f"the prompt has {count.tokens} tokens{chunks}")

    return say


def _tokens(library: "Library", prompt: "Query | None") -> "TokenCount | None":
    """The tokens of a prompt, if the generator can count them."""
    from phosphene.generation import TokenCounter

    generator = library.generator
    if prompt is None or not isinstance(generator, TokenCounter):
        return None
    return generator.count_tokens(prompt.words)
