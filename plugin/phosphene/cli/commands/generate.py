"""`phosphene generate`: make pictures from a prompt and the pictures nearest to it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.film_options import FILM, filming, write_film
from phosphene.cli.forming import forming
from phosphene.cli.generator_options import generator_options
from phosphene.cli.grid_options import GRID, MAX_CELLS, Axis, cells, labels
from phosphene.cli.init_options import check_init, init_options, show_mask
from phosphene.cli.lane_options import NEIGHBOUR, lane_options, saying
from phosphene.cli.options import (
    FROM_ZERO,
    ORIGINS,
    SEED,
    SHARE,
    WHERE,
    NamedValue,
    Number,
    QueryCommand,
    Settings,
    SizeType,
    command,
    input_files,
    origin_of,
    written,
)
from phosphene.cli.pictures import PROTOCOLS, check_sheet, preview, write_picture
from phosphene.cli.results import GENERATED, generated_record
from phosphene.cli.target import INTO, counting_kept, target_library

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from phosphene.generation.making import GeneratedImage
    from phosphene.library import Library
    from phosphene.query import Query

GUIDANCE = Number(0, 100)
PICTURES, CANDIDATES, STEPS = (click.IntRange(1, most) for most in (10_000, 256, 200))
DEFAULT = "[default: the generator's]"


@command("generate", QueryCommand)
@click.argument("prompt", metavar="PROMPT...", nargs=-1, required=True)
@click.option("-n", "--count", default=4, show_default=True, type=PICTURES, help="How many pictures to make.")
@click.option(
    "-k",
    "--neighbours",
    type=FROM_ZERO,
    help="How many images lead each picture.  [default: 6, or as many as the generator takes]",
)
@NEIGHBOUR
@lane_options
@click.option("--seed", type=SEED, help="The seed of picture i is this plus i.  [default: random]")
@click.option(
    "--origin", default="imported", show_default=True, type=ORIGINS, help="Which images may be neighbours."
)
@WHERE
@click.option(
    "--negative",
    metavar="TEXT",
    multiple=True,
    help="What the pictures and their neighbours should not show. May be given several times.",
)
@click.option(
    "--style",
    metavar="FILE|ID|QUERY",
    multiple=True,
    help="Look like this picture, or like the six images nearest to a query. May be given several times.",
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
@GRID
@FILM
@generator_options
@INTO
@click.option("--preview", "protocol", **PROTOCOLS)
@written("Also write a contact sheet to this file.")
def generate(
    settings: Settings,
    prompt: Sequence[str],
    origin: str,
    protocol: str,
    into: str | None,
    grid: Sequence[Axis] | None,
    film: Path | None,
    options: Sequence[tuple[str, str]],
    out: Path | None,
    **wishes: Any,
) -> None:
    """Make pictures from a prompt and the images nearest to it, and keep them.

      phosphene generate a red house in the snow at night
      phosphene generate a boat + ./sea.jpg --negative trees -n 2 --seed 7
      phosphene generate a beach taken:2024 rating:4..
      phosphene generate a boat -k 3 --neighbour 5f0c2a44:2 --neighbour 0a1b2c3d:0
      phosphene generate ./mona-lisa.jpg --style "a watercolour painting"
      phosphene generate a house at night --init house.png --strength 0.7
      phosphene generate a tree --init house.png --mask left-half.png --json
      phosphene generate a boat --init photo.jpg --mask 640,480,300,200
      phosphene generate a boat --init photo.jpg --mask "the house" --show-mask mask.png
      phosphene generate a red house --grid seeds=3,guidance=3,5,7 -o grid.png --film forming.webp
      phosphene generate a beach --init photo.jpg --outpaint left=128,top=64

    The prompt is a query as `search` takes it, and its filters say which images may be neighbours.
    The built-in generator starts from the picture of the nearest neighbour with much noise added,
    and the vectors of all neighbours lead it.

    With --mask or --outpaint, a picture of any size keeps its size: only the region around the mask
    is made anew, at the generator's size, and pasted back. No pixel outside of the mask changes.
    Words become a mask where the library's model sees them: large things well, small things badly.
    There is always a mask, also for things that are not there, so look at it with --show-mask.

    With --style, the pictures look like others, whatever they show. Several pictures that show
    different things make a better style than a single one.

    The column score is the cosine similarity of a picture to its prompt. The column nearest is its
    similarity to the nearest imported image. The number in brackets says how many per cent of the
    imported images are less similar to their own nearest one.

    A terminal shows the first picture as it forms, if its decoder is fast. --preview off shows none.

    Every picture is a PNG that holds its recipe: `phosphene replay FILE` makes it again. Pictures
    are kept in the library, or in the one of --into. A collection that another program made is
    only read, so it needs --into.
    """
    check_init(wishes)
    if shown := wishes.pop("show_mask"):
        show_mask(settings, wishes, shown)
        return
    query = _claimed(settings, prompt, wishes, out, film)
    seed = _prepared(wishes, out, grid, film)
    output, frames, made = settings.output, list["Picture"](), list["GeneratedImage"]()
    with settings.open() as library, target_library(settings, library, into) as target:
        target.generation.keeper.check()  # a library that is only read says so before any model loads
        wishes["options"] = _typed(library, options)
        with counting_kept(settings, target), forming(output, protocol) as take:
            wishes |= {
                "on_step": filming(frames, take) if film else take,
                "on_lane": cache(saying(output, library, query)),
            }
            wishes |= {"origin": origin_of(origin), "into": target}
            for cell in cells(grid, seed):
                made += library.generate(query, **(wishes | cell))
        preview(output, protocol, lambda: [one.picture for one in made])
        output.rows([generated_record(target, one) for one in made], GENERATED)
    if out:
        write_picture(output, _sheet(made, grid, seed, " ".join(prompt)), out)
    if film:
        write_film(output, frames, film)


def _claimed(
    settings: Settings, prompt: Sequence[str], wishes: dict[str, Any], out: Path | None, film: Path | None
) -> "Query":
    """The query, once the files that are written are claimed."""
    from phosphene.query import parse
    from phosphene.render.animation import check_ending

    query = parse(prompt)
    others = [path for words in (*wishes["negative"], *wishes["style"]) for path in parse(words).files]
    if film:
        check_ending(film)
    reads = [*query.files, *others, *input_files(wishes["init"], wishes["mask"])]
    settings.claim(out, film, reads=reads)
    return query


def _prepared(
    wishes: dict[str, Any], out: Path | None, grid: Sequence[Axis] | None, film: Path | None
) -> int | None:
    """The seed of a grid, after the wishes were adapted to --grid and --film."""
    if film:
        wishes["candidates"] = wishes["candidates"] or 1
    if grid is None:
        check_sheet(out, wishes["count"])
        return None
    if out is None:
        raise click.UsageError("--grid needs a sheet to show the pictures in. Name it with -o.")
    from phosphene.generation.service import random_seed

    return random_seed(MAX_CELLS) if wishes["seed"] is None else int(wishes["seed"])


def _sheet(
    made: "Sequence[GeneratedImage]", grid: Sequence[Axis] | None, seed: int | None, title: str
) -> "Picture":
    from phosphene.render import generated_sheet, grid_sheet

    if grid is None or seed is None:
        return generated_sheet(made, title=title)
    return grid_sheet(made, *labels(grid, seed), title=title)


def _typed(library: "Library", options: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The values of --option in the types that the generator declares; unknown ones stay text."""
    if not options:
        return {}
    known = library.generator.capabilities.options
    return {name: known[name].read(name, text) if name in known else text for name, text in options}
