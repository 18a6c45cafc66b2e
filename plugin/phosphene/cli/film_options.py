"""`--film`: the picture as it forms, step by step."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from phosphene.cli.output import Output

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from phosphene.generation import Step

STEP_MS = 350  # how long a step is shown, in milliseconds
FILM = click.option(
    "--film",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Also write how the first picture forms, step by step, as a WebP, PNG or GIF. Then one candidate of"
    " each picture is made, unless --candidates says otherwise.",
)


def filming(frames: "list[Picture]", then: "Callable[[Step], None]") -> "Callable[[Step], None]":
    """Collect what the first picture looks like at each of its steps, and go on with `then`."""
    whole = False

    def collect(step: "Step") -> None:
        nonlocal whole
        if not whole:
            frames.append(step.preview()[0])
            whole = step.index == step.total
        then(step)

    return collect


def write_film(output: Output, frames: "Sequence[Picture]", path: Path) -> None:
    """Write the steps of a picture as an animation, and name it."""
    from phosphene.render import FILM_SIDE, animate
    from phosphene.render.canvas import enlarged

    output.wrote(animate((enlarged(frame, FILM_SIDE) for frame in frames), path, milliseconds=STEP_MS))
