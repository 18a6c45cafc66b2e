"""Commands that train small models: train clip, train diffusion."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import click

from phosphene.cli.options import INPUT, SEED, Number, Settings, command, helpful
from phosphene.cli.output import PARTS
from phosphene.cli.streams import visible

LENGTH = Number(0, 525_600, min_open=True)  # minutes, up to a year
STEPS = click.IntRange(1, 10**9)
FORCE = click.option(
    "--force", is_flag=True, help="Write into a folder that holds other files; only equal names are replaced."
)
STAGES = {"autoencoder": 0.1, "latent_encoder": 0.05, "denoiser": 0.85}  # shares of the minutes


@click.group("train")
@helpful
def train() -> None:
    """Train a small model of your own, on a CPU in minutes to hours.

      phosphene train clip drawings/ -o my-clip --minutes 30
      phosphene -L drawn.lib train diffusion --minutes 120

    A training that was stopped goes on when the same command is given again; a loss curve and a
    log lie beside the model.
    """


@command("clip")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=INPUT)
@click.option("-o", "--out", type=INPUT, metavar="FOLDER", required=True, help="Where the model is written.")
@click.option("--minutes", type=LENGTH, help="How long.  [default: 30, if no --steps]")
@click.option("--steps", type=STEPS, help="The same in steps of 192 pictures.")
@click.option(
    "--from",
    "start",
    type=INPUT,
    metavar="FOLDER",
    help="A model to go on from; `landscape`: the built-in one.",
)
@click.option(
    "--locked", is_flag=True, help="Teach --from new words alone: vectors of pictures stay what they are."
)
@click.option("--seed", type=SEED, default=0, show_default=True, help="Where randomness starts from.")
@FORCE
def clip(
    settings: Settings,
    paths: Sequence[Path],
    out: Path,
    minutes: float | None,
    steps: int | None,
    start: Path | None,
    locked: bool,
    seed: int,
    force: bool,
) -> None:
    """Train a small CLIP on pictures with captions, read as `add` reads them.

      phosphene train clip coco/captions.json -o my-clip --minutes 30
      phosphene train clip drawings/ --from landscape -o better
      phosphene -L my.lib add coco/captions.json --space local-dir:my-clip

    The folder is one as open_clip writes it. It says how often a held-out caption finds its own
    picture among all that were held out.
    """
    if locked and start is None:
        raise click.UsageError("--locked needs --from, the model whose pictures' vectors are to stay")
    from phosphene.embedding import SHIPPED
    from phosphene.sources import scan
    from phosphene.training import clip as training

    output = settings.output
    with keeping(settings, out / "training"), output.progress("learning") as advance:
        trained = training.train(
            scan(paths),
            out,
            minutes=30.0 if minutes is None and steps is None else minutes,
            steps=steps,
            start=SHIPPED if start == Path("landscape") else start,
            locked=locked,
            seed=seed,
            force=force,
            inputs=paths,
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
    "--minutes", type=LENGTH, default=60.0, show_default=True, help="How long, all networks together."
)
@click.option("-o", "--out", type=INPUT, metavar="FOLDER", help="Instead of the library's own generator.")
@click.option(
    "--from",
    "start",
    type=INPUT,
    metavar="FOLDER",
    help="A generator to go on from; `landscape`: the shipped one.",
)
@click.option("--licence", default="", help="Of the weights, as an SPDX identifier.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Where randomness starts from.")
@FORCE
def diffusion(
    settings: Settings,
    minutes: float,
    out: Path | None,
    start: Path | None,
    licence: str,
    seed: int,
    force: bool,
) -> None:
    """Train a generator on a library: its pictures, captions and stored vectors.

      phosphene -L drawn.lib train diffusion --minutes 120
      phosphene -L drawn.lib train diffusion --minutes 60 --from landscape -o better

    Any library, in any space, can have one that speaks its vectors; `generate` finds it by itself. It
    may go on from a generator of another space: all is kept but what reads vectors of another size.
    It learns to make the kind of picture that the library holds, at 256 pixels.
    """
    from phosphene.generators import SHIPPED
    from phosphene.generators.retrieval.folder import claim, run_beside
    from phosphene.training.budget import Budget
    from phosphene.training.generator import Plan
    from phosphene.training.generator import train as learn

    autoencoder, latent_encoder, denoiser = (Budget(minutes=share * minutes) for share in STAGES.values())
    plan = Plan(
        autoencoder,
        latent_encoder,
        denoiser,
        start=SHIPPED if start == Path("landscape") else start,
        seed=seed,
        licence=licence,
    )
    with settings.open() as library:
        folder = claim(out or library.folder / "generator", force=force, inputs=[library.folder])
        with keeping(settings, run_beside(folder)), settings.output.progress("learning") as advance:
            learn(
                library.examples(),
                library.embedder,
                folder,
                plan,
                device=settings.device,
                force=force,
                on_step=lambda stage, progress: advance(round(_done(stage, progress.share) * PARTS), PARTS),
                on_note=settings.output.note,
            )
    settings.output.summary(f"wrote {folder}", {"folder": str(folder), "space": library.space.name})


@contextmanager
def keeping(settings: Settings, run: Path) -> Iterator[None]:
    """Where Ctrl-C or SIGTERM ends a training, say what is kept in its folder."""
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
    """The share of a whole training that is done, from that of a stage."""
    before = takewhile(lambda name: name != stage, STAGES)
    return sum(STAGES[name] for name in before) + STAGES[stage] * share


train.add_command(clip)
train.add_command(diffusion)
