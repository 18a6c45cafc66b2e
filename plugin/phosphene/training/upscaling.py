"""Train the upscaler on pictures alone: made small, then blurred and noised as a generator's are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from phosphene.nets.upscaler import Upscaler
from phosphene.training.diffusion import Progress, halves
from phosphene.training.run import Average, Budget, Run, cosine, set_rate

FACTOR = 4  # a finished picture is so many times as wide as the small one
RATE = 2e-3
BATCH = 8
CROP = 24  # pixels of the small picture that one example shows
BLUR = 0.8  # widest blur, in small pixels
NOISE = 0.08  # strongest noise, where a picture goes from -1 to 1


@dataclass(frozen=True, slots=True)
class Pair:
    """Crops of one batch: small and spoilt, and what should come of them; (b, 3, h, w) in [-1, 1]."""

    small: Tensor
    large: Tensor


def fit(
    pictures: NDArray[np.uint8],
    folder: Path,
    budget: Budget,
    *,
    start: Upscaler | None = None,
    seed: int = 0,
    device: str = "cpu",
    on_step: Callable[[Progress], None] | None = None,
) -> Upscaler:
    """Train on full-size pictures (n, size, size, 3); the averaged network. `start` is one to go on from.

    The run lies in `folder`; the same call goes on where a killed one left off.
    """
    torch.manual_seed(seed)
    model = Upscaler(FACTOR).to(device, memory_format=torch.channels_last).train()
    if start is not None:
        model.load_state_dict(start.state_dict())
    average = Average(model)
    optimizer = torch.optim.AdamW(model.parameters(), RATE, betas=(0.9, 0.99))
    kept = {"factor": FACTOR, "examples": len(pictures), "seed": seed}
    parts = {"model": model, "average": average, "optimizer": optimizer}
    run = Run(folder, parts, budget, kept, seed=seed)
    for step in run:
        set_rate(optimizer, cosine(step.progress, RATE))
        pair = draw(pictures, run.random, device)
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=halves(device)):
            guess = model(pair.small)
        loss = F.l1_loss(guess.float(), pair.large)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        average.update(model)
        if step.number % 10 == 0:
            run.note(loss=float(loss.detach()))
        if on_step:
            on_step(Progress(step.progress, step.number, float(loss.detach())))
    upscaler: Upscaler = average.module  # type: ignore[assignment]
    return upscaler


def draw(pictures: NDArray[np.uint8], random: np.random.Generator, device: str = "cpu") -> Pair:
    """Draw crops, on the grid of the small pixels, and spoil their small versions."""
    crop = min(CROP, pictures.shape[1] // FACTOR)
    large = torch.from_numpy(np.stack(list(_crops(pictures, random, crop)))).to(device)
    large = large.permute(0, 3, 1, 2).float() / 127.5 - 1
    small = F.avg_pool2d(large, FACTOR)
    widths = random.uniform(0.05, BLUR, size=BATCH).astype(np.float32)
    small = blurred(small, torch.from_numpy(widths).to(device))
    level = torch.from_numpy(random.uniform(0, NOISE, size=(BATCH, 1, 1, 1)).astype(np.float32)).to(device)
    noise = torch.from_numpy(random.standard_normal(small.shape, dtype=np.float32)).to(device)
    return Pair((small + level * noise).clamp(-1, 1), large)


def blurred(pictures: Tensor, widths: Tensor) -> Tensor:
    """Each picture (b, 3, h, w) blurred by a Gaussian of its own width (b,), in pixels."""
    away = torch.arange(-2, 3, device=pictures.device)
    bell = torch.exp(-0.5 * (away[None] / widths[:, None]) ** 2)
    bell = (bell / bell.sum(1, keepdim=True)).repeat_interleave(pictures.shape[1], 0)  # (b * 3, 5)
    flat = F.pad(pictures.flatten(0, 1)[None], (2, 2, 2, 2), mode="replicate")
    across = F.conv2d(flat, bell[:, None, None, :], groups=len(bell))
    return F.conv2d(across, bell[:, None, :, None], groups=len(bell)).reshape(pictures.shape)


def _crops(
    pictures: NDArray[np.uint8], random: np.random.Generator, crop: int
) -> Iterator[NDArray[np.uint8]]:
    places, wide = pictures.shape[1] // FACTOR - crop + 1, crop * FACTOR
    for index in random.integers(len(pictures), size=BATCH):
        top, left = (int(place) * FACTOR for place in random.integers(places, size=2))
        picture = pictures[index, top : top + wide, left : left + wide]
        yield picture[:, ::-1] if random.random() < 0.5 else picture
