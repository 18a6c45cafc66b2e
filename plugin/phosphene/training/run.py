"""One training that survives a kill: its budget, checkpoint, log, loss curve and averaged weights.

    run = Run(folder, {"model": model, "optimizer": optimizer}, Budget(minutes=30), settings)
    for step in run:                       # goes on where a killed run's checkpoint left off
        set_rate(optimizer, cosine(step.progress, peak=1e-3))
        ...                                # draw random numbers from `run.random` or torch
        run.note(loss=float(loss))

Knows nothing of what is trained. The checkpoint holds every part's state and the random
generators, so that a resumed run takes the steps that an undisturbed one would have taken
(exactly where the budget is in steps; where it is in minutes, as far as the clock allows).
"""

import copy
import io
import json
import pickle
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from phosphene.errors import ModelError
from phosphene.files import write_whole
from phosphene.training.curve import draw_curve

CHECKPOINT, LOG, CURVE = "checkpoint.pt", "log.jsonl", "loss.png"


class Part(Protocol):
    """What a checkpoint can hold: a module, an optimizer, an Average."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that is needed to go on."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Take such a state on."""
        ...


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to train: minutes, steps, or both, whichever ends first."""

    minutes: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        given = [limit for limit in (self.minutes, self.steps) if limit is not None]
        if not given or min(given) <= 0:
            raise ModelError(
                f"a training needs an end, not {self.minutes} minutes and {self.steps} steps",
                "give a number of minutes or of steps above 0",
            )

    def progress(self, seconds: float, steps: int) -> float:
        """The share that is spent, in [0, 1]."""
        timed = seconds / (60 * self.minutes) if self.minutes else 0.0
        counted = steps / self.steps if self.steps else 0.0
        return min(1.0, max(timed, counted))


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its number from 0, and the share of the budget spent before it."""

    number: int
    progress: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is: the share of its budget, the step, and the loss."""

    share: float
    step: int
    loss: float


class Run:
    """A training in `folder`, which holds its checkpoint, log and loss curve.

    Raises ModelError where the folder holds a run with other settings, or a damaged checkpoint.
    """

    def __init__(
        self,
        folder: Path,
        parts: Mapping[str, Part],
        budget: Budget,
        settings: Mapping[str, Any] | None = None,
        *,
        seed: int = 0,
        save_every: float = 120.0,  # seconds
    ) -> None:
        self.folder = folder
        self.budget = budget
        self.steps = 0  # taken so far
        self.seconds = 0.0  # spent in steps so far, those of earlier attempts included
        self.random = np.random.default_rng(seed)
        self._parts = dict(parts)
        self._settings = json.loads(json.dumps(settings or {}))
        self._save_every = save_every
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(seed)
        if (folder / CHECKPOINT).exists():
            self._resume()

    def __iter__(self) -> Iterator[Step]:
        """Yield steps until the budget is spent; save now and then, and at the end."""
        last, saved = time.monotonic(), self.seconds
        while (progress := self.budget.progress(self.seconds, self.steps)) < 1.0:
            yield Step(self.steps, progress)
            now = time.monotonic()
            self.steps, self.seconds, last = self.steps + 1, self.seconds + now - last, now
            if self.seconds - saved >= self._save_every:
                saved = self.seconds
                self.save()
        self.save()

    def note(self, **numbers: float) -> None:
        """Add a line to the log: the step, the seconds so far and `numbers`."""
        line = {"step": self.steps, "seconds": round(self.seconds, 2), **numbers}
        with (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

    def save(self) -> None:
        """Write the checkpoint, whole or not at all, and the loss curve."""
        state = {
            "settings": self._settings,
            "steps": self.steps,
            "seconds": self.seconds,
            "random": json.dumps(self.random.bit_generator.state),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "parts": {name: part.state_dict() for name, part in self._parts.items()},
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_whole(self.folder / CHECKPOINT, buffer.getvalue())
        write_whole(self.folder / CURVE, draw_curve(read_log(self.folder / LOG)))

    def _resume(self) -> None:
        state = _read(self.folder / CHECKPOINT)
        if state["settings"] != self._settings:
            raise ModelError(
                f"`{self.folder}` holds a training with other settings: {state['settings']}, "
                f"not {self._settings}",
                "train into another folder, or delete that one to begin anew",
            )
        for name, part in self._parts.items():
            part.load_state_dict(state["parts"][name])
        self.steps, self.seconds = state["steps"], state["seconds"]
        self.random.bit_generator.state = json.loads(state["random"])
        torch.set_rng_state(state["torch"])
        if state["cuda"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(state["cuda"])
        self.note(resumed=self.steps)


def _read(path: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        message = f"`{path}` is no checkpoint that can be read ({type(error).__name__})"
        raise ModelError(message, "delete it to begin anew") from error
    return state


class Average:
    """An exponential moving average of a module's floating-point state, in `module`.

    The first steps weigh more (decay (1 + n) / (10 + n)), so that the start is soon forgotten.
    """

    def __init__(self, module: torch.nn.Module, decay: float = 0.999) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.decay = decay
        self.count = 0

    @torch.no_grad()
    def update(self, module: torch.nn.Module) -> None:
        """Move towards `module`, which has just taken a step."""
        self.count += 1
        weight = 1 - min(self.decay, (1 + self.count) / (10 + self.count))
        for mine, its in zip(self.module.state_dict().values(), module.state_dict().values(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(its.to(mine.dtype), weight)
            else:
                mine.copy_(its)

    def state_dict(self) -> dict[str, Any]:
        """The averaged weights and how many updates made them."""
        return {"count": self.count, "module": self.module.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take such a state on."""
        self.count = state_dict["count"]
        self.module.load_state_dict(state_dict["module"])


def cosine(progress: float, peak: float, *, warmup: float = 0.03, floor: float = 0.0) -> float:
    """The learning rate: up in a line over `warmup` of the budget, then down a half cosine to `floor`."""
    if progress < warmup:
        return peak * (progress + 1e-3) / (warmup + 1e-3)
    fallen = (progress - warmup) / (1 - warmup)
    return float(floor + (peak - floor) * 0.5 * (1 + np.cos(np.pi * fallen)))


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group of parameters this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def read_log(path: Path) -> list[dict[str, float]]:
    """The log's lines, without those that a resumed run took again."""
    lines: list[dict[str, float]] = []
    if not path.exists():
        return lines
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:  # the line that a kill cut off
            continue
        if "resumed" in line:
            lines = [earlier for earlier in lines if earlier["step"] < line["resumed"]]
        else:
            lines.append(line)
    return lines
