"""Pictures on the command line: shown in the terminal, and written as sheets."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.output import Output

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from phosphene.generation.studio import Made
    from phosphene.library import Library
    from phosphene.records import Hit

PROTOCOLS: dict[str, Any] = {
    "default": "auto",
    "show_default": True,
    "type": click.Choice(["auto", "kitty", "iterm", "blocks", "off"]),
    "help": "Pictures in the terminal; auto is off in a pipe.",
}
