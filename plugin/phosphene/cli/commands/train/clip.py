"""`phosphene train clip` trains a small model of open_clip."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from phosphene.cli.options import FORCE, INPUT, SEED, Settings, command
from phosphene.cli.output import PARTS, Output
from phosphene.cli.streams import visible
from phosphene.cli.training import MINUTES, STEPS, keeping

if TYPE_CHECKING:
    from phosphene.training.clip import Trained


@command("clip")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o", "--out", type=INPUT, metavar="FOLDER", required=True, help="Write the model to this folder."
)
@click.option("--minutes", type=MINUTES, help="How long to train.  [default: 30, unless --steps is given]")
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
    _report(output, out, trained)


def _report(output: Output, out: Path, trained: "Trained") -> None:
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
