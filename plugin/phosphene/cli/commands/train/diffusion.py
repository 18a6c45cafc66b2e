"""`phosphene train diffusion` trains a small generator for a library's vectors."""

from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from phosphene.cli.options import FORCE, INPUT, SEED, Settings, command
from phosphene.cli.output import PARTS
from phosphene.cli.training import MINUTES, keeping

if TYPE_CHECKING:
    from phosphene.training.generator import TrainingPlan

STAGES = {"autoencoder": 0.1, "latent_encoder": 0.05, "denoiser": 0.85}  # shares of the minutes


@command("diffusion")
@click.option(
    "--minutes",
    type=MINUTES,
    default=60.0,
    show_default=True,
    help="How long to train all networks together.",
)
@click.option(
    "-o",
    "--out",
    type=INPUT,
    metavar="FOLDER",
    help="Write the generator to this folder.  [default: the library's own]",
)
@click.option(
    "--from",
    "start",
    type=INPUT,
    metavar="FOLDER",
    help="Continue from this generator. `landscape` is the built-in one.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1, 4096),
    help="Pictures in a step of the denoiser.  [default: 48, and 768 on a GPU]",
)
@click.option("--licence", default="", help="The licence of the weights, as an SPDX identifier.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="The seed of all random choices.")
@FORCE
def diffusion(
    settings: Settings,
    minutes: float,
    out: Path | None,
    start: Path | None,
    batch_size: int | None,
    licence: str,
    seed: int,
) -> None:
    """Train a generator on a library's pictures, captions and stored vectors.

      phosphene -L drawn.lib train diffusion --minutes 120
      phosphene -L drawn.lib train diffusion --minutes 60 --from landscape -o better

    The generator learns to make pictures like those in the library, 256 pixels wide and high.
    `generate` uses it from then on. It works for a library of any model. --from can name a generator
    for another model: the training keeps all of its weights except those that read vectors.

    On a GPU the pictures of a batch are drawn there, and a step is one CUDA graph. If its memory is too
    small for that, choose a smaller --batch-size.
    """
    from phosphene.extras import require

    require("train")
    from phosphene.generators.retrieval.saving import claim, run_beside
    from phosphene.training.generator import train_generator

    plan = _plan(minutes, start, batch_size, seed, licence)
    with settings.open() as library:
        if out is None:
            library.begin_writing()
        folder = claim(out or library.folder / "generator", force=settings.force, inputs=[library.folder])
        with keeping(settings, run_beside(folder)), settings.output.progress("learning") as advance:
            train_generator(
                library.examples(),
                library.embedder,
                folder,
                plan,
                device=settings.device,
                force=settings.force,
                on_step=lambda stage, progress: advance(round(_done(stage, progress.share) * PARTS), PARTS),
                on_note=settings.output.note,
            )
    settings.output.summary(f"wrote {folder}", {"folder": str(folder), "model": library.space.name})


def _plan(
    minutes: float, start: Path | None, batch_size: int | None, seed: int, licence: str
) -> "TrainingPlan":
    from phosphene.landscape import DIFFUSION_FOLDER
    from phosphene.training.budget import Budget
    from phosphene.training.denoiser import DenoiserSettings
    from phosphene.training.generator import TrainingPlan

    autoencoder, latent_encoder, denoiser = (Budget(minutes=share * minutes) for share in STAGES.values())
    return TrainingPlan(
        autoencoder,
        latent_encoder,
        denoiser,
        settings=DenoiserSettings(batch_size=batch_size),
        start=DIFFUSION_FOLDER if start == Path("landscape") else start,
        seed=seed,
        licence=licence,
    )


def _done(stage: str, share: float) -> float:
    """The share of the whole training that is done, from the share of a stage."""
    before = takewhile(lambda name: name != stage, STAGES)
    return sum(STAGES[name] for name in before) + STAGES[stage] * share
