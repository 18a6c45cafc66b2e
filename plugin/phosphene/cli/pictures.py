"""Pictures on the command line. They are shown in the terminal or written to files."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from phosphene.cli.output import Output
from phosphene.cli.streams import write

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from phosphene.records import Image
    from phosphene.render.terminal import How

PROTOCOLS: dict[str, Any] = {
    "default": "auto",
    "show_default": True,
    "type": click.Choice(["auto", "kitty", "iterm2", "blocks", "off"]),
    "help": "How to show pictures in the terminal. auto shows none in a pipe.",
}
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def preview(
    output: Output, protocol: str, load: "Callable[[], Sequence[Picture]]", labels: Sequence[str] = ()
) -> None:
    """Show pictures side by side if the terminal can, or by the given protocol. JSON and ids get none."""
    if protocol == "off" or output.json or output.quiet or (protocol == "auto" and not sys.stdout.isatty()):
        return
    from phosphene.render.terminal import columns, detect, inline

    how = detect(sys.stdout, os.environ) if protocol == "auto" else cast("How", protocol)
    if how is not None:
        write(inline(load(), how, labels=labels, room=columns()), color=True)


def write_picture(output: Output, picture: "Picture", path: Path) -> None:
    """Write a picture with phosphene's mark, in the format of the file's ending, and print its name."""
    from phosphene.outputs import mark, write

    file = io.BytesIO()
    picture.save(file, FORMATS[path.suffix.lower()], quality=92, exif=mark())
    write(path, file.getvalue())
    output.wrote(path)


def write_generated(output: Output, image: "Image", picture: "Picture", path: Path) -> None:
    """Write a generated picture with its recipe and the marks of a model's work, and print its name."""
    from phosphene.outputs import write
    from phosphene.recipes.marks import marked

    assert image.recipe is not None, "a generated image has a recipe"
    write(path, marked(picture, image.recipe, FORMATS[path.suffix.lower()]))
    output.wrote(path)


def check_sheet(out: Path | None, count: int) -> None:
    """Raise UsageError, before the search, if a sheet cannot show so many pictures."""
    if out is None:
        return
    from phosphene.render.sheet import MAX_TILES

    if count > MAX_TILES:
        raise click.UsageError(f"-o shows at most {MAX_TILES:,} pictures, not {count:,}. Pass a smaller -n.")
