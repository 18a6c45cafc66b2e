"""Pictures on the command line: shown in the terminal, and written as sheets."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from phosphene.cli.output import Output
from phosphene.cli.results import seed_of
from phosphene.cli.streams import write

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from phosphene.generation.making import GeneratedImage
    from phosphene.library import Library, Shown
    from phosphene.records import Hit, Image, Parent
    from phosphene.render.terminal import How
    from phosphene.render.tiles import Tile

PROTOCOLS: dict[str, Any] = {
    "default": "auto",
    "show_default": True,
    "type": click.Choice(["auto", "kitty", "iterm2", "blocks", "off"]),
    "help": "Pictures in the terminal; auto shows none in a pipe.",
}
NOTES = {"init": "init", "neighbour": ""}  # what a parent was, below it
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def preview(
    output: Output, protocol: str, load: "Callable[[], Sequence[Picture]]", labels: Sequence[str] = ()
) -> None:
    """Show pictures beside each other where the terminal can, or as asked; never among JSON or ids."""
    if protocol == "off" or output.json or output.quiet or (protocol == "auto" and not sys.stdout.isatty()):
        return
    from phosphene.render.terminal import columns, detect, inline

    how = detect(sys.stdout, os.environ) if protocol == "auto" else cast("How", protocol)
    if how is not None:
        write(inline(load(), how, labels=labels, room=columns()), color=True)


def write_picture(output: Output, picture: "Picture", path: Path) -> None:
    """Write a picture in the format of its file's ending, with the mark of phosphene, and name it."""
    from phosphene.outputs import mark, write

    file = io.BytesIO()
    picture.save(file, FORMATS[path.suffix.lower()], quality=92, exif=mark())
    write(path, file.getvalue())
    output.wrote(path)


def write_generated(output: Output, image: "Image", picture: "Picture", path: Path) -> None:
    """Write a generated picture with its recipe and the marks that say a model made it, and name it."""
    from phosphene.outputs import write
    from phosphene.recipes.marks import marked

    assert image.recipe is not None, "what was generated has a recipe"
    write(path, marked(picture, image.recipe, FORMATS[path.suffix.lower()]))
    output.wrote(path)


def check_sheet(out: Path | None, count: int) -> None:
    """Raise UsageError for a sheet of more pictures than one can show: before they are looked for."""
    from phosphene.render.sheet import AT_MOST

    if out and count > AT_MOST:
        raise click.UsageError(f"-o shows at most {AT_MOST:,} pictures, not {count:,}: give a smaller -n")


def hit_tiles(library: "Library", hits: "Sequence[Hit]") -> "list[Tile]":
    """Hits as the tiles of a sheet, with their ranks."""
    from phosphene.render.sheet import TILE, Tile

    return [
        Tile(
            library.picture(hit.image, side=TILE),
            hit.image.caption,
            hit.score,
            mark=hit.image.origin == "generated",
            note=f"{rank}",
        )
        for rank, hit in enumerate(hits, start=1)
    ]


def made_tiles(made: "Sequence[GeneratedImage]") -> "list[Tile]":
    """Generated pictures as the tiles of a sheet, with their seeds."""
    from phosphene.render.tiles import Tile

    return [
        Tile(entry.picture, entry.image.caption, entry.score, mark=True, note=f"seed {seed_of(entry.image)}")
        for entry in made
    ]


def family_sheet(library: "Library", shown: "Shown") -> "Picture":
    """An image between its parents and its descendants; a removed parent has no picture."""
    from phosphene.render.sheet import LARGE, Tile, family

    def tile(image: "Image | str", parent: "Parent | None" = None) -> Tile:
        score, note = (parent.similarity, NOTES[parent.role]) if parent else (None, "")
        if isinstance(image, str):
            return Tile(None, "removed", score, note=note)
        mark = image.origin == "generated"
        return Tile(library.picture(image, side=LARGE), image.caption, score, mark=mark, note=note)

    made_from = zip(shown.parents, shown.image.parents, strict=True)
    first = sorted(made_from, key=lambda each: each[1].role != "init")  # a row does not show all of many
    parents = [tile(image, parent) for image, parent in first]
    return family(parents, tile(shown.image), [tile(child) for child in shown.descendants])
