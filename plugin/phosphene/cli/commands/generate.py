"""`phosphene generate`: make pictures from a prompt and the pictures nearest to it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.init_options import check_init, init_options, show_mask
from phosphene.cli.lane_options import lane_options, saying
from phosphene.cli.options import (
    FROM_ZERO,
    GENERATOR,
    LORA,
    ORIGINS,
    SEED,
    SHARE,
    NamedValue,
    Number,
    Settings,
    SizeType,
    command,
    input_files,
    origin_of,
    written,
)
from phosphene.cli.output import on_step
from phosphene.cli.pictures import PROTOCOLS, check_sheet, preview, write_picture
from phosphene.cli.results import GENERATED, generated_record
from phosphene.cli.target import INTO, counting_kept, target_library

if TYPE_CHECKING:
    from phosphene.library import Library

GUIDANCE = Number(0, 100)
PICTURES, CANDIDATES, STEPS = (click.IntRange(1, most) for most in (10_000, 256, 200))
DEFAULT = "[default: the generator's]"


@command("generate")
@click.argument("prompt", metavar="PROMPT...", nargs=-1, required=True)
@click.option("-n", "--count", default=4, show_default=True, type=PICTURES, help="How many pictures to make.")
@click.option(
    "-k",
    "--neighbours",
    type=FROM_ZERO,
    help="How many images lead each picture.  [default: 6, or as many as the generator takes]",
)
@lane_options
@click.option("--seed", type=SEED, help="The seed of picture i is this plus i.  [default: random]")
@click.option(
    "--origin", default="imported", show_default=True, type=ORIGINS, help="Which images may be neighbours."
)
@click.option(
    "--negative",
    metavar="TEXT",
    multiple=True,
    help="What the pictures and their neighbours should not show. May be given several times.",
)
@init_options
@click.option(
    "--candidates",
    type=CANDIDATES,
    help=f"How many candidates to make of each picture. The nearest to the prompt is kept.  {DEFAULT}",
)
@click.option(
    "--refuse-copies",
    is_flag=True,
    help="Give two more seeds to a picture that is nearer to an imported image than 99 per cent of the"
    " imported images are to one another, and fail if it still is.",
)
@click.option(
    "--steps",
    "num_inference_steps",
    type=STEPS,
    help=f"Denoising steps from pure noise. With a start picture only a share of them is needed.  {DEFAULT}",
)
@click.option(
    "--guidance",
    "guidance_scale",
    type=GUIDANCE,
    help=f"How closely a picture follows the prompt.  {DEFAULT}",
)
@click.option(
    "--image-guidance",
    "image_guidance_scale",
    type=GUIDANCE,
    help=f"How closely a picture follows the neighbours.  {DEFAULT}",
)
@click.option(
    "--neighbour-strength",
    type=SHARE,
    help=f"How far to depart from the neighbours' pictures. With 1 only their vectors count.  {DEFAULT}",
)
@click.option("--size", metavar="WxH", type=SizeType(), help=f"The size in pixels.  {DEFAULT}")
@click.option(
    "--option",
    "options",
    metavar="NAME=VALUE",
    type=NamedValue(),
    multiple=True,
    help="An option of the generator's own. May be given several times.",
)
@GENERATOR
@LORA
@INTO
@click.option("--preview", "protocol", **PROTOCOLS)
@written("Also write a contact sheet to this file.")
def generate(
    settings: Settings,
    prompt: Sequence[str],
    origin: str,
    protocol: str,
    into: str | None,
    generator: str | None,
    loras: Sequence[str],
    options: Sequence[tuple[str, str]],
    out: Path | None,
    **wishes: Any,
) -> None:
    """Make pictures from a prompt and the images nearest to it, and keep them.

      phosphene generate a red house in the snow at night
      phosphene generate a boat + ./sea.jpg --negative trees -n 2 --seed 7
      phosphene generate a house at night --init house.png --strength 0.7
      phosphene generate a tree --init house.png --mask left-half.png --json
      phosphene generate a boat --init photo.jpg --mask 640,480,300,200
      phosphene generate a boat --init photo.jpg --mask "the house" --show-mask mask.png
      phosphene generate a beach --init photo.jpg --outpaint left=128,top=64

    The prompt is a query as `search` takes it. The built-in generator starts from the pictures of
    the two nearest neighbours with much noise added, and the vectors of all neighbours lead it.

    With --mask or --outpaint, a picture of any size keeps its size: only the region around the mask
    is made anew, at the generator's size, and pasted back. No pixel outside of the mask changes.
    Words become a mask where the library's model sees them: large things well, small things badly.
    There is always a mask, also for things that are not there, so look at it with --show-mask.

    The column score is the cosine similarity of a picture to its prompt. The column nearest is its
    similarity to the nearest imported image. The number in brackets says how many per cent of the
    imported images are less similar to their own nearest one.

    Every picture is a PNG that holds its recipe: `phosphene replay FILE` makes it again. Pictures
    are kept in the library, or in the one of --into. A collection that another program made is
    only read, so it needs --into.
    """
    check_init(wishes)
    if shown := wishes.pop("show_mask"):
        show_mask(settings, wishes, shown)
        return
    from phosphene.query import parse
    from phosphene.render import generated_sheet

    query = parse(prompt)
    negative = [path for words in wishes["negative"] for path in parse(words).files]
    check_sheet(out, wishes["count"])
    settings.claim(out, reads=[*query.files, *negative, *input_files(wishes["init"], wishes["mask"])])
    output = settings.output
    with (
        settings.open(generator=generator, loras=loras) as library,
        target_library(settings, library, into) as target,
    ):
        target.generation.keeper.check()  # a library that is only read says so before any model loads
        wishes["options"] = _typed(library, options)
        with counting_kept(settings, target), output.progress("generating") as advance:
            made = library.generate(
                query,
                origin=origin_of(origin),
                into=target,
                on_step=on_step(advance),
                on_lane=saying(output, library),
                **wishes,
            )
        preview(output, protocol, lambda: [one.picture for one in made])
        output.rows([generated_record(target, one) for one in made], GENERATED)
    if out:
        write_picture(output, generated_sheet(made, title=" ".join(prompt)), out)


def _typed(library: "Library", options: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The values of --option in the types that the generator declares; unknown ones stay text."""
    if not options:
        return {}
    known = library.generator.capabilities.options
    return {name: known[name].read(name, text) if name in known else text for name, text in options}
