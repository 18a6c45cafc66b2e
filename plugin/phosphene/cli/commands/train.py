"""Commands that train small models: train clip, train diffusion."""

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
    """Train a small model of your own, on a CPU in minutes to hours.

      phosphene train clip drawings/ -o my-clip --minutes 30
      phosphene -L drawn.lib train diffusion --minutes 120

    Run the same command again to continue a training that was stopped. A loss curve and a log are
    written beside the model.
    """


@command("clip")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--out", type=INPUT, metavar="FOLDER", required=True, help="Where the model is written.")
@click.option("--minutes", type=LENGTH, help="How long to train.  [default: 30, if there is no --steps]")
@click.option("--steps", type=STEPS, help="How long to train, in steps of 192 pictures.")
@click.option(
    "--from",
    "start",
    type=INPUT,
    metavar="FOLDER",
    help="A model to continue from; `landscape` is the built-in one.",
)
@click.option(
    "--locked", is_flag=True, help="Train only the text tower of --from, so that stored vectors stay valid."
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="Where randomness starts from.")
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
    """Train a small CLIP on pictures with captions, read as `add` reads them.

      phosphene train clip coco/captions.json -o my-clip --minutes 30
      phosphene train clip drawings/ --from landscape -o better
      phosphene -L my.lib add coco/captions.json --model local-dir:my-clip

    The result is a folder that open_clip can read. The command prints how often a held-out caption
    finds its own picture among all that were held out.
    """
    if locked and start is None:
        raise click.UsageError("--locked needs --from, the model whose vectors of pictures stay valid.")
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
        f"{recall.first:.0%} find their own picture first, {recall.ten:.0%} among ten",
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
    help="Where the generator is written.  [default: the library]",
)
@click.option(
    "--from",
    "start",
    type=INPUT,
    metavar="FOLDER",
    help="A generator to continue from; `landscape` is the built-in one.",
)
@click.option("--licence", default="", help="The licence of the weights, as an SPDX identifier.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Where randomness starts from.")
@FORCE
def diffusion(
    settings: Settings,
    minutes: float,
    out: Path | None,
    start: Path | None,
    licence: str,
    seed: int,
) -> None:
    """Train a generator on a library: its pictures, captions and stored vectors.

      phosphene -L drawn.lib train diffusion --minutes 120
      phosphene -L drawn.lib train diffusion --minutes 60 --from landscape -o better

    Any library, with any model, can have a generator for its vectors, and `generate` finds it by itself.
    A training may continue from a generator of another model: it keeps all weights but those that read
    vectors. The generator learns to make pictures like those in the library, at 256 pixels.
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
    """Say what is kept in the folder of a training that Ctrl-C or SIGTERM ends."""
    from phosphene.interrupt import terminable

    try:
        with terminable():
            yield
    except KeyboardInterrupt:
        learnt = any(run.rglob("checkpoint.pt"))
        settings.kept = (
            f"what was learnt is in {run}; the same command goes on from there"
            if learnt
            else "nothing was learnt yet; the same command begins again"
        )
        raise


def _done(stage: str, share: float) -> float:
    """The share of the whole training that is done, from the share of a stage."""
    before = takewhile(lambda name: name != stage, STAGES)
    return sum(STAGES[name] for name in before) + STAGES[stage] * share


train.add_command(clip)
train.add_command(diffusion)
