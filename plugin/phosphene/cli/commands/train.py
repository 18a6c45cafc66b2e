"""`phosphene train clip` and `phosphene train diffusion` train small models."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import click

from phosphene.cli.options import FORCE, INPUT, SEED, Number, Settings, command, helpful
from phosphene.cli.output import PARTS
from phosphene.cli.streams import visible

LENGTH = Number(0, 525_600, min_open=True)  # minutes, up to a year
STEPS = click.IntRange(1, 10**9)
STAGES = {"autoencoder": 0.1, "latent_encoder": 0.05, "denoiser": 0.85}  # shares of the minutes


@click.group("train")
@helpful
def train() -> None:
    """Train a small model of your own on a CPU, in minutes to hours.

      phosphene train clip drawings/ -o my-clip --minutes 30
      phosphene -L drawn.lib train diffusion --minutes 120

    Run the same command again to continue a training that was stopped. A loss curve and a log appear
    beside the model.
    """


@command("clip")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o", "--out", type=INPUT, metavar="FOLDER", required=True, help="Write the model to this folder."
)
@click.option("--minutes", type=LENGTH, help="How long to train.  [default: 30, unless --steps is given]")
@click.option("--steps", type=STEPS, help="How long to train, in steps of 192 pictures.")
@click.option(
    "--from",
    "start",
    type=INPUT,
    metavar="FOLDER",
    help="Continue from this model. `landscape` is the built-in one.",
)
@click.option(
    "--locked", is_flag=True, help="Train only the text tower of --from, so that stored vectors stay valid."
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="The seed of all random choices.")
@FORCE
def clip(
    settings: Settings,
    sources: Sequence[str],
    out: Path,
    minutes: float | None,
    steps: int | None,
    start: Path | None,
    locked: bool,
    seed: int,
) -> None:
    """Train a small CLIP on pictures with captions.

      phosphene train clip coco/captions.json -o my-clip --minutes 30
      phosphene train clip drawings/ --from landscape -o better
      phosphene -L my.lib add coco/captions.json --model local-dir:my-clip

    SOURCE is written as for `add`. The result is a folder that open_clip can read. The command prints
    how often a held-out caption finds its own picture among all held-out pictures.
    """
    if locked and start is None:
        raise click.UsageError("--locked keeps the picture tower of a model. Name that model with --from.")
    from phosphene.extras import require

    require("train")
    from phosphene.landscape import CLIP_FOLDER
    from phosphene.sources import scan
    from phosphene.training import clip as training

    output = settings.output
    keeps, progress = keeping(settings, out / "training"), output.progress("learning")
    with keeps, progress as advance, scan(sources) as items:
        trained = training.train(
            items,
            out,
            minutes=30.0 if minutes is None and steps is None else minutes,
            steps=steps,
            start=CLIP_FOLDER if start == Path("landscape") else start,
            locked=locked,
            seed=seed,
            force=settings.force,
            inputs=map(Path, sources),
            on_read=lambda count: advance(count, None),
            on_step=lambda progress: advance(round(progress.share * PARTS), PARTS),
            on_note=output.note,
        )
    for failure in trained.failures:
        output.note(f"skipped {visible(failure.uri)}: {visible(failure.reason)}")
    recall = trained.recall
    output.summary(
        f"wrote {out}: trained on {trained.examples:,} pictures; of {recall.count:,} held-out captions "
        f"{recall.first:.0%} find their own picture first, and {recall.ten:.0%} among the first ten",
        {
            "folder": str(out),
            "examples": trained.examples,
            "failed": len(trained.failures),
            "recall_at_1": round(recall.first, 4),
            "recall_at_10": round(recall.ten, 4),
            "held_out": recall.count,
        },
    )


@command("diffusion")
@click.option(
    "--minutes", type=LENGTH, default=60.0, show_default=True, help="How long to train all networks together."
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
@click.option("--licence", default="", help="The licence of the weights, as an SPDX identifier.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="The seed of all random choices.")
@FORCE
def diffusion(
    settings: Settings,
    minutes: float,
    out: Path | None,
    start: Path | None,
    licence: str,
    seed: int,
) -> None:
    """Train a generator on a library's pictures, captions and stored vectors.

      phosphene -L drawn.lib train diffusion --minutes 120
      phosphene -L drawn.lib train diffusion --minutes 60 --from landscape -o better

    The generator learns to make pictures like those in the library, 256 pixels wide and high.
    `generate` uses it from then on. It works for a library of any model. --from can name a generator
    for another model: the training keeps all of its weights except those that read vectors.
    """
    from phosphene.extras import require

    require("train")
    from phosphene.generators.retrieval.saving import claim, run_beside
    from phosphene.landscape import DIFFUSION_FOLDER
    from phosphene.training.budget import Budget
    from phosphene.training.generator import TrainingPlan, train_generator

    autoencoder, latent_encoder, denoiser = (Budget(minutes=share * minutes) for share in STAGES.values())
    plan = TrainingPlan(
        autoencoder,
        latent_encoder,
        denoiser,
        start=DIFFUSION_FOLDER if start == Path("landscape") else start,
        seed=seed,
        licence=licence,
    )
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


@contextmanager
def keeping(settings: Settings, run: Path) -> Iterator[None]:
    """Let SIGTERM end a training as Ctrl-C does, and say what its folder keeps."""
    from phosphene.interrupt import terminable

    try:
        with terminable():
            yield
    except KeyboardInterrupt:
        learnt = any(run.rglob("checkpoint.pt"))
        settings.kept = (
            f"the last checkpoint is in {run}; the same command goes on from there"
            if learnt
            else "there is no checkpoint yet; the same command begins again"
        )
        raise


def _done(stage: str, share: float) -> float:
    """The share of the whole training that is done, from the share of a stage."""
    before = takewhile(lambda name: name != stage, STAGES)
    return sum(STAGES[name] for name in before) + STAGES[stage] * share


train.add_command(clip)
train.add_command(diffusion)
