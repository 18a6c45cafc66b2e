"""The trainer of each network of a generator. The weights are averaged.

On a CPU, threads share every batch. On a GPU, a step is one CUDA graph, see `graphed_step`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn

from phosphene.training.budget import Budget, TrainingProgress, TrainingStep, checked, cosine, set_rate
from phosphene.training.checkpoint import Stateful, copy_weights
from phosphene.training.ema import ema_of
from phosphene.training.graphed_step import GraphedStep, fuse
from phosphene.training.optimizers import muon
from phosphene.training.run import OnNote, Run
from phosphene.training.workers import LossAndGradients, Workers

RATES = {"muon": 0.02, "adamw": 2e-3}
EVERY = 10  # steps between two lines of the log, and between two losses that a GPU is asked for


class Parted(Protocol):
    """A batch that can be shared out."""

    def parts(self, count: int) -> list[Self]:
        """At most `count` parts of about the same size."""
        ...


Network = TypeVar("Network", bound=nn.Module)
Batch = TypeVar("Batch", bound=Parted)
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
        rate: float = 1.0,  # a factor for all learning rates
        dataset: str = "",
        seed: int = 0,
        device: str = "cpu",
        on_note: OnNote | None = None,
    ) -> None:
        self.device = torch.device(device)
        nn.Module.to(model.train(), self.device)
        nn.Module.to(model, memory_format=torch.channels_last)  # a fifth faster on a CPU
        self.model, self.decay = model, decay
        self.rates = {name: rate * each for name, each in rates.items()}
        self.workers = Workers(torch.get_num_threads() if self.device.type == "cpu" else 1)
        self.weights = [weights for weights in model.parameters() if weights.requires_grad]
        self.optimizers = self._optimizers(ends)
        self.ema = ema_of(model, decay)
        if self.on_gpu:
            fuse(model)
        parts: dict[str, Stateful] = {"model": model, "ema": self.ema, **self.optimizers}
        settings = {**settings, "seed": seed, **({"rate": rate} if rate != 1 else {})}
        self.run = Run(folder, parts, budget, settings, dataset=dataset, seed=seed, on_note=on_note)

    @property
    def averaged(self) -> Network:
        """The network with its averaged weights, in single precision."""
        return self.ema.module  # type: ignore[return-value]

    @property
    def on_gpu(self) -> bool:
        """Whether a step is one CUDA graph, so that `draw` has to draw on the GPU."""
        return self.device.type == "cuda"

    def steps(
        self,
        draw: Callable[[], Batch],
        loss: Callable[[Batch], Tensor],
        on_step: OnTrainingProgress | None = None,
    ) -> Iterator[None]:
        """Take the steps. Each learns from one batch, and `loss` gives the share of a part in its loss."""
        take = self._as_graph(draw, loss) if self.on_gpu else partial(self._shared, draw, loss)
        value = float("nan")
        for step in self.run:
            value = take(step, value)
            if step.number % EVERY == 0:
                self.run.note(loss=value)
            if on_step:
                on_step(TrainingProgress(step.progress, step.number, value))
            yield
        self.workers.close()

    def _shared(
        self, draw: Callable[[], Batch], loss: Callable[[Batch], Tensor], step: TrainingStep, _: float
    ) -> float:
        """Take a step, of which each worker computes a part, and return its loss."""
        for name, optimizer in self.optimizers.items():
            set_rate(optimizer, cosine(step.progress, self.rates[name]))
        learn = partial(loss_and_gradients, loss, self.weights)
        value = self.workers.learn(self.weights, learn, draw().parts(self.workers.count))
        checked(value, step.number)
        for optimizer in self.optimizers.values():
            optimizer.step()
        self.ema.update_parameters(self.model)
        return value

    def _as_graph(
        self, draw: Callable[[], Batch], loss: Callable[[Batch], Tensor]
    ) -> Callable[[TrainingStep, float], float]:
        """A function that takes a step as one CUDA graph. Only now and then it waits for the loss."""
        graphed = GraphedStep(self.model, self.ema, self.optimizers, self.rates, self.decay, draw, loss)

        def take(step: TrainingStep, value: float) -> float:
            graphed(step.progress)
            return value if step.number % EVERY else checked(float(graphed.loss), step.number)

        return take

    def _optimizers(self, ends: Collection[nn.Module]) -> dict[str, torch.optim.Optimizer]:
        outer = {id(weights) for end in ends for weights in end.parameters()}
        inside = [weights for weights in self.weights if weights.ndim >= 2 and id(weights) not in outer]
        chosen = {id(weights) for weights in inside}
        rest = [weights for weights in self.weights if id(weights) not in chosen]
        return {
            "muon": muon(
                inside, self.rates["muon"], fallback_rate=self.rates["adamw"], capturable=self.on_gpu
            ),
            "adamw": torch.optim.AdamW(rest, betas=(0.9, 0.99), weight_decay=0.01, capturable=self.on_gpu),
        }


def loss_and_gradients(
    loss_of: Callable[[Batch], Tensor], weights: Sequence[Tensor], part: Batch
) -> LossAndGradients:
    """The share of a part of a batch in the loss and in its gradients."""
    loss = loss_of(part)
    return float(loss.detach()), torch.autograd.grad(loss, weights)


def copy_start(model: nn.Module, start: nn.Module) -> None:
    """Copy all weights of `start` that fit. In another space, those that read vectors do not fit."""
    copy_weights(model, start.state_dict())
