"""`phosphene train lora` teaches a pretrained model the pictures of a library."""

from pathlib import Path
from typing import Any

import click

from phosphene.cli.options import FORCE, INPUT, SEED, Number, Settings, command
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
            count = train_lora(
                library.examples(),
                checkpoint,
                out,
                budget,
                wishes,
                seed=seed,
                on_step=lambda progress: advance(round(progress.share * PARTS), PARTS),
                on_note=output.note,
            )
        family, trigger = checkpoint.family.name, wishes.trigger or ""
        register_lora(RegisteredLora(out.stem, out.absolute(), family, trigger, library.url))
    output.summary(
        f"wrote {out}: learnt from {count:,} pictures. Use it with"
        f" `phosphene generate … --generator {generator} --lora {out}`",
        {"file": str(out), "examples": count, "family": family, "trigger": wishes.trigger},
    )
