"""The trainer of each network of a generator: threads share every batch, and weights are averaged."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from phosphene.training.budget import Budget, TrainingProgress, checked, cosine, set_rate
from phosphene.training.checkpoint import Stateful, copy_weights
from phosphene.training.ema import ema_of
from phosphene.training.optimizers import muon
from phosphene.training.run import OnNote, Run
from phosphene.training.workers import LossAndGradients, Workers

RATES = {"muon": 0.02, "adamw": 2e-3}
EVERY = 10  # steps between two lines of the log

Network = TypeVar("Network", bound=nn.Module)
Batch = TypeVar("Batch")
OnTrainingProgress = Callable[[TrainingProgress], None]


class Trainer(Generic[Network, Batch]):
    """Trains a network. Muon trains the filters and matrices inside of it, AdamW its `ends` and the rest.

    Weights that need no gradient stay as they are. The run is kept in `folder`; a trainer with the same
    arguments continues one that was killed.
    """

    def __init__(
        self,
        model: Network,
        folder: Path,
        budget: Budget,
        settings: Mapping[str, Any],
        *,
        ends: Collection[nn.Module],
        decay: float = 0.999,
        rates: Mapping[str, float] = RATES,
        dataset: str = "",
        seed: int = 0,
        device: str = "cpu",
        on_note: OnNote | None = None,
    ) -> None:
        nn.Module.to(model.train(), torch.device(device))
        nn.Module.to(model, memory_format=torch.channels_last)  # a fifth faster on a CPU
        self.model, self.rates = model, rates
        self.workers = Workers(torch.get_num_threads() if device == "cpu" else 1)
        self.weights = [weights for weights in model.parameters() if weights.requires_grad]
        self.optimizers = self._optimizers(ends)
        self.ema = ema_of(model, decay)
        parts: dict[str, Stateful] = {"model": model, "ema": self.ema, **self.optimizers}
        settings = {**settings, "seed": seed}
        self.run = Run(folder, parts, budget, settings, dataset=dataset, seed=seed, on_note=on_note)

    @property
    def averaged(self) -> Network:
        """The network with its averaged weights, in single precision."""
        return self.ema.module  # type: ignore[return-value]

    def steps(
        self,
        draw: Callable[[], Sequence[Batch]],
        gradients: Callable[[Sequence[Tensor], Batch], LossAndGradients],
        on_step: OnTrainingProgress | None = None,
    ) -> Iterator[None]:
        """Take the steps. Each learns from one batch, which `draw` returns in parts, one per worker."""
        for step in self.run:
            for name, optimizer in self.optimizers.items():
                set_rate(optimizer, cosine(step.progress, self.rates[name]))
            loss = self.workers.learn(self.weights, lambda part: gradients(self.weights, part), draw())
            checked(loss, step.number)
            for optimizer in self.optimizers.values():
                optimizer.step()
            self.ema.update_parameters(self.model)
            if step.number % EVERY == 0:
                self.run.note(loss=loss)
            if on_step:
                on_step(TrainingProgress(step.progress, step.number, loss))
            yield
        self.workers.close()

    def _optimizers(self, ends: Collection[nn.Module]) -> dict[str, torch.optim.Optimizer]:
        outer = {id(weights) for end in ends for weights in end.parameters()}
        inside = [weights for weights in self.weights if weights.ndim >= 2 and id(weights) not in outer]
        chosen = {id(weights) for weights in inside}
        rest = [weights for weights in self.weights if id(weights) not in chosen]
        return {
            "muon": muon(inside, self.rates["muon"], fallback_rate=self.rates["adamw"]),
            "adamw": torch.optim.AdamW(rest, betas=(0.9, 0.99), weight_decay=0.01),
        }


def copy_start(model: nn.Module, start: nn.Module) -> None:
    """Copy all weights of `start` that fit. In another space, those that read vectors do not fit."""
    copy_weights(model, start.state_dict())
