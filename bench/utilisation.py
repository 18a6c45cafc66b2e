"""How much of a GPU is in use while something runs, as nvidia-smi samples it."""

import statistics
import subprocess
from types import TracebackType
from typing import Self

import torch

INTERVAL = 200  # milliseconds between two samples
QUERY = ("nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", f"-lms={INTERVAL}")


class Utilisation:
    """A context in which the use of a GPU is sampled. On a CPU it does nothing."""

    def __init__(self, device: torch.device) -> None:
        self.percent: float | None = None  # the mean, once the context is left
        self._device = device
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        if self._device.type == "cuda":
            one = f"--id={self._device.index or 0}"
            self._process = subprocess.Popen([*QUERY, one], stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process:
            self._process.terminate()
            said, _ = self._process.communicate()
            samples = [float(line) for line in said.split()]
            self.percent = round(statistics.mean(samples), 1) if samples else None
