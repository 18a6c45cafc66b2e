"""How each network of a generator is trained: threads share every batch, and weights are averaged."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from phosphene.training.average import Average
from phosphene.training.budget import Budget, Progress, checked, cosine, set_rate
from phosphene.training.checkpoint import Part, take_over
from phosphene.training.muon import Muon
from phosphene.training.run import OnNote, Run
from phosphene.training.workers import Learnt, Workers

RATES = {"muon": 0.02, "adamw": 2e-3}
EVERY = 10  # steps between two lines of the log

Network = TypeVar("Network", bound=nn.Module)
Batch = TypeVar("Batch")
OnStep = Callable[[Progress], None]


class Course(Generic[Network, Batch]):
    """Muon for the filters and matrices inside a network, AdamW for its ends and the rest of it.

    Weights that need no gradient stay as they are. The run lies in `folder`; the same course goes on where
    a killed one left off.
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
        lessons: str = "",
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
        self._average = Average(model, decay)
        parts: dict[str, Part] = {"model": model, "average": self._average, **self.optimizers}
        settings = {**settings, "seed": seed}
        self.run = Run(folder, parts, budget, settings, lessons=lessons, seed=seed, on_note=on_note)

    @property
    def averaged(self) -> Network:
        """The network with its averaged weights, in single precision."""
        return self._average.module  # type: ignore[return-value]

    def steps(
        self,
        draw: Callable[[], Sequence[Batch]],
        gradients: Callable[[Sequence[Tensor], Batch], Learnt],
        on_step: OnStep | None = None,
    ) -> Iterator[None]:
        """Take the steps; each learns from a batch, in the parts that `draw` gives of it."""
        for step in self.run:
            for name, optimizer in self.optimizers.items():
                set_rate(optimizer, cosine(step.progress, self.rates[name]))
            loss = self.workers.learn(self.weights, lambda part: gradients(self.weights, part), draw())
            checked(loss, step.number)
            for optimizer in self.optimizers.values():
                optimizer.step()
            self._average.update(self.model)
            if step.number % EVERY == 0:
                self.run.note(loss=loss)
            if on_step:
                on_step(Progress(step.progress, step.number, loss))
            yield
        self.workers.close()

    def _optimizers(self, ends: Collection[nn.Module]) -> dict[str, torch.optim.Optimizer]:
        outer = {id(weights) for end in ends for weights in end.parameters()}
        inside = [weights for weights in self.weights if weights.ndim >= 2 and id(weights) not in outer]
        chosen = {id(weights) for weights in inside}
        rest = [weights for weights in self.weights if id(weights) not in chosen]
        return {
            "muon": Muon(inside, each=self.workers.map),
            "adamw": torch.optim.AdamW(rest, betas=(0.9, 0.99), weight_decay=0.01),
        }


def begin(model: nn.Module, start: nn.Module) -> None:
    """Take over all weights of `start` that fit: all but what reads vectors, where a space is another."""
    take_over(model, start.state_dict())
