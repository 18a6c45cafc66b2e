"""The options that all trainings have, and what they say when they are stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from phosphene.cli.options import Number, Settings

MINUTES = Number(0, 525_600, min_open=True)  # up to a year
STEPS = click.IntRange(1, 10**9)


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
