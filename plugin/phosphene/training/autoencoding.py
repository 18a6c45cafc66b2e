"""Train the autoencoder on pictures alone: what it makes of them, out of noisy latents, against the pictures.

The noise does what the KL term does in latent diffusion (Rombach et al. 2022): latents that lie near to one
another decode alike, and the decoder forgives what the generator gets slightly wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from phosphene.nets.autoencoder import Autoencoder
from phosphene.training.examples import mirrored
from phosphene.training.muon import Muon
from phosphene.training.run import Average, Budget, Progress, Run, cosine, set_rate
from phosphene.training.workers import Workers

RATES = {"muon": 0.01, "adamw": 2e-3}
BATCH = 4  # whole pictures: of crops it learns that a border is never far
NOISE = 0.4  # strongest noise on the latents, whose mean square is 1


def fit(
    pictures: NDArray[np.uint8],
    folder: Path,
    budget: Budget,
    *,
    start: Autoencoder | None = None,
    seed: int = 0,
    device: str = "cpu",
    on_step: Callable[[Progress], None] | None = None,
) -> Autoencoder:
    """Train on pictures (n, size, size, 3); the averaged network.

    `start` is one to go on from: then its decoder alone is taught, so that latents stay what they are.
    The run lies in `folder`; the same call goes on where a killed one left off.
    """
    torch.manual_seed(seed)
    model = Autoencoder(pictures.shape[1])  # type: ignore[call-overload, unused-ignore]
    if start is not None:
        model.load_state_dict(start.state_dict())
        model.encoder.requires_grad_(False)
    torch.nn.Module.to(model.train(), torch.device(device))
    torch.nn.Module.to(model, memory_format=torch.channels_last)
    average = Average(model)
    workers = Workers(torch.get_num_threads() if device == "cpu" else 1)
    optimizers = new_optimizers(model, workers)
    kept = {**{key: model.config[key] for key in ("size", "depth")}, "examples": len(pictures), "seed": seed}
    run = Run(folder, {"model": model, "average": average, **optimizers}, budget, kept, seed=seed)
    for step in run:
        for name, optimizer in optimizers.items():
            set_rate(optimizer, cosine(step.progress, RATES[name]))
        loss = learn(model, draw(pictures, run.random, model.config["depth"], model.grid), workers, device)
        for optimizer in optimizers.values():
            optimizer.step()
        average.update(model)
        if step.number % 10 == 0:
            run.note(loss=loss)
        if on_step:
            on_step(Progress(step.progress, step.number, loss))
    workers.close()
    averaged: Autoencoder = average.module  # type: ignore[assignment, unused-ignore]
    return averaged


def normal(pictures: Tensor) -> Tensor:
    """Pictures (n, h, w, 3) of 8 bits as (n, 3, h, w) in [-1, 1]."""
    return pictures.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def new_optimizers(model: Autoencoder, workers: Workers) -> Mapping[str, torch.optim.Optimizer]:
    """Muon for the convolutions inside; AdamW for the ends and for biases."""
    ends = {id(model.encoder[1].weight), id(model.decoder[-2].weight)}
    taught = [weights for weights in model.parameters() if weights.requires_grad]
    inside = [weights for weights in taught if weights.ndim == 4 and id(weights) not in ends]
    chosen = {id(weights) for weights in inside}
    rest = [weights for weights in taught if id(weights) not in chosen]
    return {
        "muon": Muon(inside, RATES["muon"], each=workers.map),
        "adamw": torch.optim.AdamW(rest, RATES["adamw"], betas=(0.9, 0.99), weight_decay=0.0),
    }


@dataclass(frozen=True, slots=True)
class Batch:
    """Pictures (b, 3, size, size) in [-1, 1], and the noise (b, depth, grid, grid) that their latents get."""

    pictures: Tensor
    noise: Tensor


def draw(pictures: NDArray[np.uint8], random: np.random.Generator, depth: int, grid: int) -> Batch:
    """Draw pictures, and noise of a level of its own for each."""
    chosen = mirrored(pictures[random.integers(len(pictures), size=BATCH)], random)
    level = random.uniform(0, NOISE, size=(BATCH, 1, 1, 1)).astype(np.float32)
    noise = level * random.standard_normal((BATCH, depth, grid, grid), dtype=np.float32)
    return Batch(normal(torch.from_numpy(chosen)), torch.from_numpy(noise))


def learn(model: Autoencoder, batch: Batch, workers: Workers, device: str) -> float:
    """Set the gradients of a batch, each worker seeing a part of it; the loss."""
    weights = [weights for weights in model.parameters() if weights.requires_grad]
    clean, noise = (tensor.tensor_split(workers.count) for tensor in (batch.pictures, batch.noise))
    parts = zip(clean, noise, strict=True)
    work = partial(gradients, model, weights, len(batch.pictures), device)
    losses, found = zip(*workers.map(work, parts), strict=True)
    for weight, *shares in zip(weights, *found, strict=True):
        weight.grad = reduce(Tensor.add_, shares)
    return float(sum(losses))


def gradients(
    model: Autoencoder, weights: Sequence[Tensor], whole: int, device: str, part: tuple[Tensor, Tensor]
) -> tuple[float, tuple[Tensor, ...]]:
    """The share that a part of a batch of `whole` pictures has in the loss, and in its gradients."""
    clean, noise = (tensor.to(device) for tensor in part)
    clean = clean.contiguous(memory_format=torch.channels_last)
    guess = model.decode(model.encode(clean) + noise)
    loss = F.l1_loss(guess, clean) * (len(clean) / whole)
    return float(loss.detach()), torch.autograd.grad(loss, weights)
