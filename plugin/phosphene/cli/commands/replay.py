"""`phosphene replay` makes a generated picture again and compares the two."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.generator_options import generator_options
from phosphene.cli.lane_options import saying
from phosphene.cli.options import INPUT, Settings, command, input_files, written
from phosphene.cli.output import on_step
from phosphene.cli.pictures import write_generated

if TYPE_CHECKING:
    from phosphene.generation.comparison import Replayed


@command("replay")
@click.argument("source", metavar="FILE|ID")
@click.option("--init", metavar="FILE|ID", help="The init image, if phosphene does not find it.")
@click.option("--mask", metavar="FILE", type=INPUT, help="The mask, if phosphene does not find it.")
@generator_options
@written("Write the new picture to this file.")
def replay(
    settings: Settings,
    source: str,
    init: str | None,
    mask: Path | None,
    out: Path | None,
) -> None:
    """Make a generated picture again and compare the two.

      phosphene replay pictures/5f0c2a44-3a51-5c7e-9a70-6f1c0f3f0d11.png
      phosphene replay 5f0c2a44 -o again.png

    The library must hold the picture's parents. Nothing is stored in it. The init image and the mask
    are looked for in the library, and in the places on this machine that the recipe names. The file
    of -o holds the recipe and the marks of a generated picture: a PNG holds them in its text chunks,
    a JPEG or WebP in its EXIF and XMP. On the same machine with the same versions, a picture that was
    made alone (--candidates 1) comes out with the same pixels. If it was made beside other candidates
    or on another machine, a pixel may differ by one grey level. Other weights make another picture,
    and the comparison names both; --generator retrieval:FOLDER takes the weights from a folder.
    """
    from phosphene.query.terms import file_or_id

    settings.claim(out, reads=input_files(source, init, mask))
    with settings.open() as library, settings.output.progress("generating") as advance:
        again = library.replay(
            file_or_id(source),
            init=init,
            mask=mask,
            on_step=on_step(advance),
            on_lane=saying(settings.output, library),
        )
    shown = {"id": again.image.id, "prompt": again.image.caption, "comparison": _comparison(again)}
    settings.output.fields(_record(again), shown)
    if out:
        write_generated(settings.output, again.image, again.picture, out)


def _record(again: "Replayed") -> dict[str, Any]:
    assert again.image.recipe is not None, "a generated image has a recipe"
    return {
        "id": again.image.id,
        "prompt": again.image.caption,
        "seed": again.image.recipe["seed"],
        "lane": again.image.recipe.get("lane"),
        "cosine": None if again.cosine is None else round(again.cosine, 6),
        "largest_difference": again.largest_difference,
        "identical": again.identical,
        "same_weights": again.same_weights,
        "differences": list(again.differences),
    }


def _comparison(again: "Replayed") -> str:
    if again.original is None:
        return "the file of the first picture is gone, so there is nothing to compare with"
    why = "".join(f"; {difference}" for difference in again.differences)
    if again.identical:
        return f"the same, pixel for pixel{why}"
    if again.largest_difference is None:
        return f"another size; cosine {again.cosine:.4f}{why}"
    return f"within {again.largest_difference} of 255 grey levels; cosine {again.cosine:.4f}{why}"
