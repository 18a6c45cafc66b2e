"""Measure how fast the denoiser of `train diffusion` learns, in steps and in pictures a second.

    python bench/training.py [--device cuda] [--batch-size 768] [--steps 400] [--json FILE]

The network has the shape of the built-in one. The dataset has random latents and vectors, which cost as much
as real ones. On a CPU, threads share every batch; on a GPU, a step is one CUDA graph. The first steps, in
which kernels are compiled and the graph is captured, are not counted.

The built-in weights were trained by a script of their own on an NVIDIA H100, with 24 steps of 768 pictures a
second. On a GPU this prints its share of that speed. The goal is 0.8.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import record
import torch

from phosphene.config import cores
from phosphene.device import pick_device
from phosphene.training.budget import Budget, TrainingProgress
from phosphene.training.dataset import NEAREST, LatentDataset
from phosphene.training.denoiser import DenoiserSettings, train_denoiser
from phosphene.training.trainer import EVERY
from phosphene.vectors import unit

PICTURES, CAPTIONS, DIMENSION, LATENTS = 20_000, 5, 256, (8, 16, 16)
CHANNELS = (128, 192)  # of the built-in denoiser
BATCH_SIZES, STEPS = {"cpu": 48, "cuda": 768}, {"cpu": 20, "cuda": 400}
DRIVER = 24 * 768  # pictures a second of the script that trained the built-in weights
WARM_UP = 2 * EVERY  # steps that are not counted


def main() -> None:
    arguments = _arguments()
    device = pick_device(arguments.device)
    size = arguments.batch_size or BATCH_SIZES[device.type]
    figures = measure(random_dataset(), device, size, arguments.steps or STEPS[device.type])
    for name, value in figures.items():
        print(f"{name:<28} {value}")
    if arguments.json:
        record.write(arguments.json, figures)


def measure(dataset: LatentDataset, device: torch.device, size: int, steps: int) -> dict[str, Any]:
    """Train for WARM_UP steps and for so many more, up to one whose loss the host waits for."""
    steps = EVERY * max(1, steps // EVERY)
    marks: dict[int, float] = {}

    def mark(progress: TrainingProgress) -> None:
        marks[progress.step] = time.perf_counter()

    settings = DenoiserSettings(CHANNELS, batch_size=size)
    with tempfile.TemporaryDirectory() as folder:
        budget = Budget(steps=WARM_UP + steps + 1)
        train_denoiser(dataset, Path(folder), budget, settings, device=str(device), on_step=mark)
    seconds = marks[WARM_UP + steps] - marks[WARM_UP]
    figures = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else f"{cores()} cores",
        "pictures a step": size,
        "steps a second": round(steps / seconds, 3),
        "pictures a second": round(size * steps / seconds, 1),
    }
    if device.type == "cuda":
        figures["share of the driver's speed"] = round(size * steps / seconds / DRIVER, 3)
        figures["peak memory, GB"] = round(torch.cuda.max_memory_allocated(device) / 1e9, 2)
    return figures


def random_dataset() -> LatentDataset:
    """Random pictures with five captions each, whose neighbours are random, too."""
    random = np.random.default_rng(0)
    latents = random.standard_normal((PICTURES, *LATENTS), dtype=np.float32).astype(np.float16)
    own, texts = (unit(random.standard_normal((n, DIMENSION))) for n in (PICTURES, CAPTIONS * PICTURES))
    first = np.arange(0, CAPTIONS * PICTURES + 1, CAPTIONS, dtype=np.int64)
    near_own, near_texts = (
        random.integers(PICTURES, size=(len(some), NEAREST), dtype=np.int32) for some in (own, texts)
    )
    return LatentDataset(latents, own, texts, first, near_own, near_texts)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch-size", type=int, help="default: 48 on a CPU, 768 on a GPU")
    parser.add_argument("--steps", type=int, help="default: 20 on a CPU, 400 on a GPU")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
