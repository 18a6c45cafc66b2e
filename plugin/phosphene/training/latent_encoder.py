"""Train the latent encoder: it learns to predict the vector of the picture that latents decode to."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from phosphene.nets.latent_encoder import LatentEncoder
from phosphene.training.budget import Budget
from phosphene.training.dataset import LatentDataset
from phosphene.training.run import OnNote
from phosphene.training.trainer import OnTrainingProgress, Trainer, copy_start

BATCH_SIZE, GPU_BATCH_SIZE = 128, 512
NOISE = 0.3  # the strongest noise on latents, whose mean square is 1; generated latents have errors too
RATES = {"muon": 0.01, "adamw": 2e-3}


def train_latent_encoder(
    dataset: LatentDataset,
    folder: Path,
    budget: Budget,
    *,
    start: LatentEncoder | None = None,
    origin: str = "",
    rate: float = 1.0,
    seed: int = 0,
    device: str = "cpu",
    on_step: OnTrainingProgress | None = None,
    on_note: OnNote | None = None,
) -> LatentEncoder:
    """Train on a dataset and return the averaged network.

    `origin` identifies `start`, a network to continue from; see `copy_start`. `rate` is a factor for the
    learning rates. The run is kept in `folder`; the same call continues one that was killed.
    """
    torch.manual_seed(seed)
    model: LatentEncoder = LatentEncoder(dataset.dimension, dataset.latents.shape[1])  # type: ignore[call-overload, unused-ignore]
    if start is not None:
        copy_start(model, start)
    trainer: Trainer[LatentEncoder, NoisyBatch] = Trainer(
        model,
        folder,
        budget,
        {"from": origin},
        ends=(model.blocks.get_submodule("0.0"), model.proj_out),
        rates=RATES,
        dataset=dataset.digest,
        rate=rate,
        seed=seed,
        device=device,
        on_note=on_note,
    )

    if trainer.on_gpu:
        arrays = (torch.from_numpy(array).to(trainer.device) for array in (dataset.latents, dataset.own))
        batch, size = partial(draw_there, *arrays), GPU_BATCH_SIZE
    else:
        batch, size = partial(draw, dataset, trainer.run.random, device), BATCH_SIZE
    for _ in trainer.steps(batch, partial(share_of_loss, model, size), on_step):
        pass
    return trainer.averaged


@dataclass(frozen=True, slots=True)
class NoisyBatch:
    """Noisy latents (b, latent_channels, h, w), and the vectors of their pictures (b, d)."""

    latents: Tensor
    vectors: Tensor

    def parts(self, count: int) -> list["NoisyBatch"]:
        """At most `count` parts of about the same size."""
        pairs = zip(self.latents.tensor_split(count), self.vectors.tensor_split(count), strict=True)
        return [NoisyBatch(*pair) for pair in pairs if len(pair[0])]


def draw(dataset: LatentDataset, random: np.random.Generator, device: str = "cpu") -> NoisyBatch:
    """Draw pictures, and noise of a random level for each of them."""
    chosen = random.integers(len(dataset), size=BATCH_SIZE)
    clean = dataset.latents[chosen].astype(np.float32)
    level = random.uniform(0, NOISE, size=(BATCH_SIZE, 1, 1, 1)).astype(np.float32)
    noisy = clean + level * random.standard_normal(clean.shape, dtype=np.float32)
    return NoisyBatch(*(torch.from_numpy(array).to(device) for array in (noisy, dataset.own[chosen])))


def draw_there(latents: Tensor, vectors: Tensor) -> NoisyBatch:
    """Draw as `draw` does from latents and vectors on a GPU, all at once."""
    chosen = torch.randint(len(latents), (GPU_BATCH_SIZE,), device=latents.device)
    clean = latents[chosen].float()
    level = NOISE * torch.rand(len(clean), 1, 1, 1, device=clean.device)
    return NoisyBatch(clean + level * torch.randn_like(clean), vectors[chosen])


def share_of_loss(model: LatentEncoder, whole: int, part: NoisyBatch) -> Tensor:
    """The share of a part of a batch of `whole` pictures in the loss."""
    with torch.autocast(part.latents.device.type, torch.bfloat16, enabled=part.latents.is_cuda):
        guess = model(part.latents).float()
    loss: Tensor = (1 - (guess * part.vectors).sum(1)).sum() / whole
    return loss
