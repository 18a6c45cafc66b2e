"""One step of a training on a GPU: draw, learn, update and average, with no number passed to the host.

A small network's step is thousands of short kernels, and a host that launches them one by one is slower than
the GPU. So the whole step is captured as one CUDA graph, which the host launches at once.
"""

import shutil
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from phosphene.training.budget import cosine
from phosphene.training.ema import pull

WARM_UP = 3  # steps before the capture, in which libraries choose their kernels; torch asks for them

Drawn = TypeVar("Drawn")


class GraphedStep(Generic[Drawn]):
    """A step that learns from one batch, which `draw` returns on the device of the model.

    The learning rates and the pull of the average lie on the device, too, and are written there before each
    step. On any other device than CUDA the same step runs without a graph.
    """

    def __init__(
        self,
        model: nn.Module,
        ema: AveragedModel,
        optimizers: Mapping[str, torch.optim.Optimizer],
        rates: Mapping[str, float],
        decay: float,
        draw: Callable[[], Drawn],
        loss: Callable[[Drawn], Tensor],
    ) -> None:
        self.weights = [weights for weights in model.parameters() if weights.requires_grad]
        self.device = self.weights[0].device
        self.ema, self.decay, self.draw, self.loss_of = ema, decay, draw, loss
        self.averages = list(zip(ema.module.state_dict().values(), model.state_dict().values(), strict=True))
        self.optimizers, self.highest = optimizers, rates
        self.rates = {name: self._number() for name in optimizers}
        for name, optimizer in optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = self.rates[name]
        self.pull, self.loss = self._number(), self._number()
        self.graph: torch.cuda.CUDAGraph | None = None
        self.side = torch.cuda.Stream(self.device) if self.device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self.taken = 0

    def __call__(self, progress: float) -> None:
        """Take a step, with the learning rates of this progress. `loss` then gets its loss."""
        for name, rate in self.rates.items():
            rate.fill_(cosine(progress, self.highest[name]))
        self.pull.fill_(pull(int(self.ema.n_averaged), self.decay))
        self._launch()
        self.ema.n_averaged += 1
        self.taken += 1

    def take(self) -> None:
        """The operations of a step. Their shapes are always the same, and none of them waits for a result."""
        loss = self.loss_of(self.draw())
        gradients = torch.autograd.grad(loss, self.weights)
        for weights, gradient in zip(self.weights, gradients, strict=True):
            weights.grad = gradient
        for optimizer in self.optimizers.values():
            optimizer.step()
        with torch.no_grad():
            for average, current in self.averages:
                average.lerp_(current, self.pull)
            self.loss.copy_(loss)

    def _launch(self) -> None:
        if self.side is None:
            self.take()
        elif self.graph is not None:
            self.graph.replay()
        elif self.taken < WARM_UP:
            self._warm_up(self.side)
        else:
            self.graph = self._captured(self.side)
            self.graph.replay()

    def _warm_up(self, side: torch.cuda.Stream) -> None:
        """Take a step on the stream on which the graph will be captured."""
        side.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(side), torch.backends.cudnn.flags(enabled=True, benchmark=True):
            self.take()
        torch.cuda.current_stream(self.device).wait_stream(side)

    def _captured(self, side: torch.cuda.Stream) -> torch.cuda.CUDAGraph:
        """The step as a graph. Capturing it changes no weight."""
        graph = torch.cuda.CUDAGraph()
        with (
            torch.cuda.device(self.device),
            torch.cuda.graph(graph, stream=side),
            torch.backends.cudnn.flags(enabled=True, benchmark=True),
        ):
            self.take()
        return graph

    def _number(self) -> Tensor:
        return torch.zeros((), device=self.device)


def fuse(model: nn.Module) -> None:
    """Let torch.compile fuse the kernels of a model, where Triton and its C compiler are there."""
    if find_spec("triton") and any(map(shutil.which, ("cc", "gcc", "clang"))):
        model.compile(dynamic=False)
