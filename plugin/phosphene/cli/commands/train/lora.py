"""`phosphene train lora` teaches a pretrained model the pictures of a library."""

from pathlib import Path
from shlex import quote
from typing import Any

import click

from phosphene.cli.options import (
    COUNT,
    FORCE,
    INPUT,
    ORIGINS,
    SEED,
    WHERE,
    Number,
    Settings,
    command,
    origin_of,
)
from phosphene.cli.output import PARTS
from phosphene.cli.training import MINUTES, STEPS, keeping


@command("lora")
@click.option(
    "--generator",
    metavar="NAME|FOLDER|FILE",
    required=True,
    help="The pretrained model to teach, of the family sd15 or sdxl.",
)
@click.option(
    "-o",
    "--out",
    type=INPUT,
    metavar="FILE",
    required=True,
    help="Write the LoRA to this file, which ends in .safetensors.",
)
@click.option("--query", metavar="QUERY", help="Learn only from the images nearest to this query.")
@click.option(
    "-n",
    "--count",
    type=COUNT,
    default=200,
    show_default=True,
    help="From how many images to learn, with --query.",
)
@click.option(
    "--origin", default="imported", show_default=True, type=ORIGINS, help="From which images to learn."
)
@WHERE
@click.option("--minutes", type=MINUTES, help="How long to train.  [default: until --steps]")
@click.option(
    "--steps", type=STEPS, help="How many batches to learn from.  [default: 1000, unless --minutes is given]"
)
@click.option(
    "--trigger",
    metavar="WORD",
    default="",
    help="A word that stands for what is learnt. It is put in front of every caption.",
)
@click.option(
    "--rank",
    type=click.IntRange(1, 256),
    default=8,
    show_default=True,
    help="The rank of the matrices. A higher one learns more, and makes the file larger.",
)
@click.option(
    "--size", type=click.IntRange(64, 2048), help="Pixels of a side.  [default: the model's own size]"
)
@click.option(
    "--batch-size", type=click.IntRange(1, 256), default=1, show_default=True, help="Pictures in a step."
)
@click.option(
    "--learning-rate",
    type=Number(0, 1, min_open=True),
    default=1e-4,
    show_default=True,
    help="The highest learning rate, which then falls to zero.",
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="The seed of all random choices.")
@FORCE
def lora(
    settings: Settings,
    generator: str,
    out: Path,
    query: str | None,
    count: int,
    origin: str,
    where: str | None,
    minutes: float | None,
    steps: int | None,
    seed: int,
    **choices: Any,
) -> None:
    """Train a LoRA: teach a pretrained model the pictures of a library.

      phosphene -L photos.lib train lora --generator sd15 -o harbour.safetensors --trigger myharbour
      phosphene -L photos.lib generate a boat, myharbour --generator sd15 --lora harbour.safetensors

    Every picture is learnt with its caption. Where captions are missing, --trigger gives the pictures
    a word, and later prompts use that word. Sheets of samples show from time to time what was learnt.

      phosphene -L photos.lib train lora --generator sd15 -o boats.safetensors --query "a boat" -n 300

    Without --query all imported images are learnt. A query is written as for `search`.

    Run the same command again to continue a training that was stopped. A step of Stable Diffusion 1.5
    takes seconds on a CPU, so this is work for a GPU. `phosphene models` lists the finished LoRA under
    its name, which --lora takes, too.
    """
    from phosphene.catalogue.registrations import RegisteredLora, register_lora
    from phosphene.extras import require

    require("train")
    from phosphene.generators import open_checkpoint
    from phosphene.training.budget import Budget
    from phosphene.training.lora import LoraSettings, claim, run_beside, train_lora

    budget = Budget(minutes=minutes, steps=1000 if minutes is None and steps is None else steps)
    output, wishes = settings.output, LoraSettings(**choices)
    claim(out, force=bool(settings.force))
    with settings.open() as library:
        checkpoint = open_checkpoint(generator, library.space, device=settings.device)
        with keeping(settings, run_beside(out)), output.progress("learning") as advance:
            learnt = train_lora(
                library.examples(query, count, origin=origin_of(origin), where=where),
                checkpoint,
                out,
                budget,
                wishes,
                seed=seed,
                on_step=lambda progress: advance(round(progress.share * PARTS), PARTS),
                on_note=output.note,
            )
        family, images = checkpoint.family.name, selection(query, count, origin, where)
        register_lora(RegisteredLora(out.stem, out.absolute(), family, wishes.trigger, library.url, images))
    output.summary(
        f"wrote {out}: learnt from {learnt:,} pictures. Use it with"
        f" `phosphene generate … --generator {generator} --lora {out}`",
        {"file": str(out), "examples": learnt, "family": family, "trigger": wishes.trigger, "images": images},
    )


def selection(query: str | None, count: int, origin: str, where: str | None) -> str:
    """The options that choose the images, as the list of models has them."""
    limited = ["--query", quote(query), f"-n {count}"] if query else []
    return " ".join([*limited, f"--origin {origin}", *(["--where", quote(where)] if where else [])])
