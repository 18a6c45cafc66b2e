"""Commands that make pictures: generate, replay."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.options import (
    FROM_ZERO,
    GENERATOR,
    INPUT,
    ORIGINS,
    SEED,
    SHARE,
    NamedValue,
    Number,
    Settings,
    Size,
    command,
    origin_of,
    written,
)
from phosphene.cli.output import PARTS, Advance, Column
from phosphene.cli.pictures import (
    PROTOCOLS,
    check_sheet,
    made_tiles,
    preview,
    seed_of,
    write_generated,
    write_picture,
)
from phosphene.cli.results import FILE

if TYPE_CHECKING:
    from phosphene.generation import Step
    from phosphene.generation.making import GeneratedImage
    from phosphene.generation.novelty import Nearest, Novelty
    from phosphene.generation.replaying import Replayed
    from phosphene.library import Library


def _nearness(novelty: Mapping[str, Any]) -> str:
    share = "" if novelty["percentile"] is None else f" ({novelty['percentile']:.0f} %)"
    return f"{novelty['similarity']:.3f}{share}"


MADE = (
    Column("seed", "seed"),
    Column("score", "score", "{:.3f}".format),
    Column("novelty", "nearest", _nearness),
    FILE,
)
GUIDANCE = Number(0, 100)
PICTURES, CANDIDATES, STEPS = (click.IntRange(1, most) for most in (10_000, 256, 200))
ITS_OWN = "[default: the generator's]"
INTO = click.option("--into", metavar="LIBRARY", help="Keep them in this library, made where there is none.")


@command("generate")
@click.argument("prompt", metavar="PROMPT...", nargs=-1, required=True)
@click.option(
    "-n", "--count", default=4, show_default=True, type=click.IntRange(1, 10_000), help="How many pictures."
)
@click.option(
    "-k",
    "--neighbours",
    type=FROM_ZERO,
    help="How many images lead each.  [default: 6, or as many as the generator takes]",
)
@click.option("--seed", type=SEED, help="Picture i has seed + i.  [default: random]")
@click.option("--origin", default="imported", show_default=True, type=ORIGINS, help="What may be neighbours.")
@click.option(
    "--negative",
    metavar="TEXT",
    multiple=True,
    help="What pictures and neighbours should not show; may be given often.",
)
@click.option("--init", metavar="FILE|ID", help="Begin with this picture; ID may have `id:` before it.")
@click.option("--strength", type=SHARE, help="How far to go from --init.  [default: 0.6, with --mask 1]")
@click.option(
    "--mask",
    metavar="FILE",
    type=INPUT,
    help="What is white is made anew; what is black or transparent is kept of --init.",
)
@click.option(
    "--fit",
    default="crop",
    show_default=True,
    type=click.Choice(["crop", "pad", "stretch"]),
    help="How --init is fitted: crop takes its middle, pad keeps all and extends the edges.",
)
@click.option(
    "--candidates",
    type=CANDIDATES,
    help=f"How many are made of each; the nearest to the prompt is kept.  {ITS_OWN}",
)
@click.option(
    "--steps",
    "num_inference_steps",
    type=STEPS,
    help=f"Steps of the solver from noise; from a picture the share of them that is left.  {ITS_OWN}",
)
@click.option(
    "--guidance",
    "guidance_scale",
    type=GUIDANCE,
    help=f"How closely a picture follows the prompt.  {ITS_OWN}",
)
@click.option(
    "--image-guidance",
    "image_guidance_scale",
    type=GUIDANCE,
    help=f"How closely a picture follows the neighbours.  {ITS_OWN}",
)
@click.option(
    "--neighbour-strength",
    type=SHARE,
    help=f"How far to go from the neighbours' pictures; 1: only their vectors count.  {ITS_OWN}",
)
@click.option("--size", metavar="WxH", type=Size(), help=f"In pixels.  {ITS_OWN}")
@click.option(
    "--option",
    "options",
    metavar="NAME=VALUE",
    type=NamedValue(),
    multiple=True,
    help="An option of the generator's own; may be given often.",
)
@GENERATOR
@INTO
@click.option("--preview", "protocol", **PROTOCOLS)
@written("Also write a contact sheet.")
def generate(
    settings: Settings,
    prompt: Sequence[str],
    origin: str,
    protocol: str,
    into: str | None,
    generator: str | None,
    options: Sequence[tuple[str, str]],
    out: Path | None,
    **wishes: Any,
) -> None:
    """Make pictures from a prompt and what is nearest to it, and keep them.

      phosphene generate a red house in the snow at night
      phosphene generate a boat + ./sea.jpg --negative trees -n 2 --seed 7
      phosphene generate a house at night --init house.png --strength 0.7
      phosphene generate a tree --init house.png --mask left-half.png --json

    The prompt is a query as `search` takes it. A picture starts from those of the two nearest
    neighbours, all but drowned in noise, and is led by the vectors of all neighbours. score is its
    cosine similarity to its own prompt; nearest that to the nearest imported image and, in
    brackets, how many per cent of the imported images are less near to their own nearest one.
    Pictures are PNGs that hold their recipe: `phosphene replay FILE` makes one again. They are kept
    in the library, or in that of --into; a collection that somebody else made is only read, and
    needs it.
    """
    if wishes["init"] is None and (wishes["mask"] or wishes["strength"]):
        raise click.UsageError("--mask and --strength need --init, the picture to start from")
    from phosphene.query import parse
    from phosphene.render.sheet import contact_sheet

    asked = parse(prompt)
    negative = [path for words in wishes["negative"] for path in parse(words).files]
    check_sheet(out, wishes["count"])
    settings.claim(out, reads=[*asked.files, *negative, *_files(wishes["init"], wishes["mask"])])
    output = settings.output
    with settings.open(generator=generator) as library, opened(settings, library, into) as target:
        target.keeper.check()  # one that is only read says so before any model loads
        wishes |= _read(library, options)
        with kept(settings, target), output.progress("generating") as advance:
            made = library.generate(
                asked, origin=origin_of(origin), into=target, on_step=stepping(advance), **wishes
            )
        preview(output, protocol, lambda: [entry.picture for entry in made])
        output.rows([made_record(target, entry) for entry in made], MADE)
    if out:
        write_picture(output, contact_sheet(made_tiles(made), title=" ".join(prompt)), out)


def _read(library: "Library", options: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The values of --option in the types that the generator gives them; unknown ones as they are."""
    if not options:
        return {}
    known = library.generator.capabilities.options
    return {name: known[name].read(name, text) if name in known else text for name, text in options}


@command("replay")
@click.argument("source", metavar="FILE|ID")
@click.option("--init", metavar="FILE|ID", help="The init image, where it is not found.")
@click.option("--mask", metavar="FILE", type=INPUT, help="Its mask, where that is not found.")
@GENERATOR
@written("Write the picture that was made again.")
def replay(
    settings: Settings,
    source: str,
    init: str | None,
    mask: Path | None,
    generator: str | None,
    out: Path | None,
) -> None:
    """Make a generated picture again and say how near it came.

      phosphene replay pictures/5f0c2a44-3a51-5c7e-9a70-6f1c0f3f0d11.png
      phosphene replay 5f0c2a44 -o again.png

    The library has to hold the picture's parents; nothing is stored. What it started from is found
    in the library, or where it lay on this machine. A PNG of -o holds the recipe and the marks of a
    generated picture; a JPEG or WebP holds them in its EXIF and XMP. The same machine and
    versions give the same pixels if it was made alone (--candidates 1); beside other candidates,
    or on another machine, one may differ by a grey level.
    """
    from phosphene.query.terms import file_or_id

    settings.claim(out, reads=_files(source, init, mask))
    output = settings.output
    with settings.open(generator=generator) as library, output.progress("generating") as advance:
        again = library.replay(file_or_id(source), init=init, mask=mask, on_step=stepping(advance))
    record = {
        "id": again.image.id,
        "prompt": again.image.caption,
        "seed": seed_of(again.image),
        "cosine": None if again.cosine is None else round(again.cosine, 6),
        "largest_difference": again.largest_difference,
        "identical": again.identical,
        "same_weights": again.same_weights,
    }
    output.fields(record, {"id": again.image.id, "prompt": again.image.caption, "it came": _came(again)})
    if out:
        write_generated(output, again.image, again.picture, out)


def _files(*named: Path | str | None) -> list[Path]:
    """Where the files are that an option names; an id names a file that is not there."""
    from phosphene.config import expanded

    return [expanded(name) for name in named if name is not None]


def _came(again: "Replayed") -> str:
    if again.original is None:
        return "out, but the first one's file is gone: nothing to compare with"
    weights = "" if again.same_weights else "; another generator than the first one's made it"
    if again.identical:
        return f"out the same, pixel for pixel{weights}"
    if again.largest_difference is None:
        return f"in another size; cosine {again.cosine:.4f}{weights}"
    return f"within {again.largest_difference} of 255 grey levels; cosine {again.cosine:.4f}{weights}"


def stepping(advance: Advance) -> "Callable[[Step], None]":
    """Move a progress bar with a generator's steps."""
    return lambda step: advance(round(step.share * PARTS), PARTS)


def opened(settings: Settings, library: "Library", into: str | None) -> "AbstractContextManager[Library]":
    """The library of --into, made in the same space where there is none; without it, the same library."""
    import phosphene

    if into is None:
        return nullcontext(library)
    return phosphene.open(into, space=library.space, create=True, device=settings.device)


@contextmanager
def kept(settings: Settings, library: "Library") -> Iterator[None]:
    """Count what a Ctrl-C leaves: pictures are stored in groups, as they are finished."""
    before = library.status().generated
    try:
        yield
    except KeyboardInterrupt:
        settings.kept = f"{library.status().generated - before} finished pictures were stored"
        raise


def made_record(library: "Library", made: "GeneratedImage") -> dict[str, Any]:
    """A generated picture as the JSON says it."""
    image = made.image
    return {
        "id": image.id,
        "uri": library.where(image),
        "prompt": image.caption,
        "seed": seed_of(image),
        "score": round(made.score, 6),
        "parents": [
            {
                "id": parent.id,
                "role": parent.role,
                "similarity": round(parent.similarity, 6),
                "weight": parent.weight,
            }
            for parent in image.parents
        ],
        "novelty": None if made.novelty is None else _novelty(made.novelty),
    }


def _novelty(novelty: "Novelty") -> dict[str, Any]:
    others = novelty.without_parents
    return {
        **_nearest(novelty),
        "exact": novelty.exact,
        "without_parents": None if others is None else _nearest(others),
    }


def _nearest(found: "Nearest | Novelty") -> dict[str, Any]:
    percentile = None if found.percentile is None else round(found.percentile, 2)
    return {"nearest": found.nearest, "similarity": round(found.similarity, 6), "percentile": percentile}
