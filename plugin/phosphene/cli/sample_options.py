"""The options of commands that look at a library as a whole: which images, and how many of them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.options import FROM_TWO, ORIGINS, WHERE, origin_of
from phosphene.cli.output import Output

if TYPE_CHECKING:
    from phosphene.explore.sample import Sample
    from phosphene.library import Library

LIMIT = 50_000  # explore.sample.LIMIT, which costs an import of numpy; a test compares them


def sample_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--origin`, `--where` and `--limit` to a command."""
    for option in (
        click.option(
            "--limit",
            type=FROM_TWO,
            default=LIMIT,
            show_default=True,
            help="How many images to compare at most. Of more, a fair sample is taken.",
        ),
        WHERE,
        click.option(
            "--origin", default="all", show_default=True, type=ORIGINS, help="Which images to compare."
        ),
    ):
        function = option(function)
    return function


def sampled(library: "Library", output: Output, origin: str, where: str | None, limit: int) -> "Sample":
    """The images to compare. A note says if they are a sample."""
    taken = library.explore.sample(where=where, origin=origin_of(origin), limit=limit)
    if not taken.is_whole:
        output.note(f"compared {len(taken):,} of {taken.total:,} images; --limit raises that")
    return taken
