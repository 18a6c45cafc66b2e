"""One training that survives a kill: its budget, checkpoint, log and loss curve.

    run = Run(folder, {"model": model, "optimizer": optimizer}, Budget(minutes=30), settings)
    for step in run:                       # continues from the checkpoint of a killed run
        set_rate(optimizer, cosine(step.progress, peak=1e-3))
        ...                                # draw random numbers from `run.random` or torch
        run.note(loss=float(loss))

A run does not depend on the kind of the model. The checkpoint holds the state of every part and of the random
generators, so that a resumed run takes the steps that an undisturbed one would have taken: exactly, where the
budget is in steps; as far as the clock allows, where it is in minutes.

After Ctrl-C or SIGTERM the current step ends, then the checkpoint is written.
"""

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import nn
from torch.optim.swa_utils import AveragedModel

from phosphene.errors import ModelError
from phosphene.files import write_whole
from phosphene.interrupt import uninterrupted
from phosphene.training import checkpoint
from phosphene.training.budget import Budget, TrainingStep
from phosphene.training.checkpoint import Stateful, copy_weights
from phosphene.training.curve import draw_curve
from phosphene.training.ema import averaged_weights
from phosphene.training.log import Log, read_log

CHECKPOINT, LOG, CURVE, LOCK = "checkpoint.pt", "log.jsonl", "loss.png", "training.lock"
LASTING = ("model", "ema")  # parts whose weights are kept when the dataset changes

FORMAT = 2  # of checkpoints: 1 had other names, and the weights of networks with other names

OnNote = Callable[[str], None]  # is called with sentences for the user


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder`. Raises ModelError if another process trains there.

    The operating system releases the lock when its process ends, however it ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ModelError(
            f"Another process is training in `{folder}`.", "wait until it ends, or stop it"
        ) from error
    try:
        yield
    finally:
        lock.release()


class Run:
    """A training in `folder`, which holds its checkpoint, log and loss curve.

    `dataset` identifies the dataset. If the checkpoint has learnt from another dataset, the weights of the
    `lasting` parts are kept, the budget begins anew, and `on_note` is told so. Raises ModelError if the
    folder holds a run with other settings, or a checkpoint that is damaged or of another version.
    """

    def __init__(
        self,
        folder: Path,
        parts: Mapping[str, Stateful],
        budget: Budget,
        settings: Mapping[str, Any] | None = None,
        *,
        dataset: str = "",
        lasting: Collection[str] = LASTING,
        seed: int = 0,
        save_every: float = 120.0,  # seconds
        clock: Callable[[], float] = time.monotonic,
        on_note: OnNote | None = None,
    ) -> None:
        self.folder = folder
        self.budget = budget
        self.steps = 0  # taken so far
        self.seconds = 0.0  # spent in steps so far, those of earlier attempts included
        self.random = np.random.default_rng(seed)
        self._parts = dict(parts)
        self._settings = json.loads(json.dumps(settings or {}))
        self._dataset, self._lasting = dataset, lasting
        self._save_every, self._clock = save_every, clock
        self._log = Log(folder / LOG)
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(seed)
        if (folder / CHECKPOINT).exists():
            self._resume(on_note)
        self._log.resume(self.steps)

    def __iter__(self) -> Iterator[TrainingStep]:
        """Yield steps until the budget is spent. Save now and then, and at the end.

        After Ctrl-C the current step is the last one, and the checkpoint is written before KeyboardInterrupt.
        """
        with uninterrupted() as interrupts:
            last, saved = self._clock(), self.seconds
            while not interrupts and (progress := self.budget.progress(self.seconds, self.steps)) < 1.0:
                yield TrainingStep(self.steps, progress)
                now = self._clock()
                self.steps, self.seconds, last = self.steps + 1, self.seconds + now - last, now
                if self.seconds - saved >= self._save_every:
                    saved = self.seconds
                    self.save()
            self.save()
        if interrupts:
            raise KeyboardInterrupt  # in case the signal's own handler has not raised it

    def note(self, **numbers: float) -> None:
        """Add a line to the log: the step, the seconds so far and these numbers."""
        self._log.add(step=self.steps, seconds=round(self.seconds, 2), **numbers)

    def save(self) -> None:
        """Write the checkpoint, whole or not at all, and the loss curve."""
        state = {
            "format": FORMAT,
            "settings": self._settings,
            "dataset": self._dataset,
            "steps": self.steps,
            "seconds": self.seconds,
            "random": json.dumps(self.random.bit_generator.state),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "parts": {name: part.state_dict() for name, part in self._parts.items()},
        }
        checkpoint.write(self.folder / CHECKPOINT, state)
        write_whole(self.folder / CURVE, draw_curve(read_log(self.folder / LOG)))

    def _resume(self, on_note: OnNote | None) -> None:
        path = self.folder / CHECKPOINT
        state = checkpoint.read(path)
        if state.get("format") != FORMAT:
            raise ModelError(
                f"Another version of phosphene wrote `{path}`, and this one cannot continue it.",
                f"delete `{self.folder}` to begin anew, or train into another folder",
            )
        try:
            self._compare(state)
            if state.get("dataset") == self._dataset:
                self._go_on(state)
            else:
                self._begin_anew(state)
                if on_note:
                    weights = " from the weights it has" if self._lasting else ""
                    on_note(f"The training in `{self.folder}` begins anew{weights}: its dataset has changed.")
        except checkpoint.DAMAGE as error:
            raise checkpoint.damaged(path, error) from error

    def _compare(self, state: Mapping[str, Any]) -> None:
        """Raise ModelError if a checkpoint has other settings than this run."""
        before = dict(state["settings"])
        if before == self._settings:
            return
        changed = sorted(
            key for key in before.keys() | self._settings.keys() if before.get(key) != self._settings.get(key)
        )
        differences = [f"{key} is {before.get(key)!r}, not {self._settings.get(key)!r}" for key in changed]
        raise ModelError(
            f"`{self.folder}` holds a training with other settings: {', '.join(differences)}.",
            "train into another folder, or delete this one to begin anew",
        )

    def _go_on(self, state: Mapping[str, Any]) -> None:
        for name, part in self._parts.items():
            part.load_state_dict(state["parts"][name])
        self.steps, self.seconds = int(state["steps"]), float(state["seconds"])
        self.random.bit_generator.state = json.loads(state["random"])
        torch.set_rng_state(state["torch"])
        if state["cuda"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(state["cuda"])

    def _begin_anew(self, state: Mapping[str, Any]) -> None:
        for name in self._lasting:
            part, its = self._parts.get(name), state["parts"].get(name)
            if isinstance(part, AveragedModel) and its:
                copy_weights(part.module, averaged_weights(its))
            elif isinstance(part, nn.Module) and its:
                copy_weights(part, its)
