"""An embedder whose process is killed at work, once. Ray's workers import it from here."""

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from phosphene.embedding import Embedded
from phosphene.vectors import Pixels
from pictures import Colours


class Mortal(Colours):
    """Kills its own process in its sixth batch, unless the file says that this has happened."""

    def __init__(self, done: Path) -> None:
        self.done, self.batches = done, 0

    def pictures(self, prepared: Sequence[Pixels]) -> Embedded:
        self.batches += 1
        if self.batches == 6 and not self.done.exists():
            self.done.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().pictures(prepared)


@dataclass(frozen=True)
class LoadMortal:
    """Opens the embedder in a worker."""

    done: Path

    def __call__(self) -> Mortal:
        return Mortal(self.done)
