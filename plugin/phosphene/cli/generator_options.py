"""The options that choose the generator, and what is added to its checkpoint."""

from collections.abc import Callable
from typing import Any

import click

from phosphene.cli.options import remember

OPTIONS = (
    click.option(
        "--generator",
        metavar="NAME",
        callback=remember,
        expose_value=False,
        help="The generator to use, perhaps from a plugin.  [default: the one of `phosphene config`, or"
        " the library's own]",
    ),
    click.option(
        "--adapter",
        metavar="FILE|FOLDER",
        callback=remember,
        expose_value=False,
        help="The IP-Adapter for the generator's checkpoint, or a folder that has it.  [default: the one"
        " beside the checkpoint, or the one that `phosphene models fetch` has brought]",
    ),
    click.option(
        "--lora",
        "loras",
        metavar="FILE|NAME[:WEIGHT]",
        multiple=True,
        callback=remember,
        expose_value=False,
        help="A LoRA for the generator's checkpoint: a file, or a name from `phosphene models`. May be given"
        " several times.  [default weight: 1]",
    ),
    click.option(
        "--compile",
        "compiled",
        is_flag=True,
        default=None,
        callback=remember,
        expose_value=False,
        help="Compile the network of a checkpoint on a GPU, which pays off for many pictures of one size."
        " CPUs ignore it.",
    ),
)


def generator_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options on the generator. `Settings.open` uses their values."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function
