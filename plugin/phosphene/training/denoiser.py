"""Train the denoiser: it learns to predict the latents of pictures from a library's vectors, in any space.

Each picture is learnt from the vector of one of its captions, or from its own, and from the vectors of its
neighbours (as in retrieval-augmented diffusion models; Blattmann et al. 2022, and kNN-Diffusion; Sheynin et
al. 2023). Either is left out at times, so that classifier-free guidance can use both.

The network predicts clean latents on the straight path from noise (flow matching; Lipman et al. 2023). Two
things differ from the papers because the time is short: Muon trains the convolutions, and most noise levels
are drawn from where the few steps of a generation are.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from phosphene.files import write_whole
from phosphene.nets.denoiser import NEIGHBOUR, OWN, TEXT, Denoiser
from phosphene.training.budget import Budget
from phosphene.training.dataset import LatentDataset
from phosphene.training.run import OnNote
from phosphene.training.trainer import OnTrainingProgress, Trainer, copy_start
from phosphene.training.workers import LossAndGradients

MAX_NEIGHBOURS = 8
DROPOUT = 0.1  # share of pictures without a text, without neighbours, and without both
OWN_SHARE = 0.35  # share of pictures that have their own vector in the place of a caption's
BLUR = 0.3  # the strongest noise on a neighbour's vector, so that it is not copied
LEVELS = (0.9, 1.0)  # mean and deviation of the logit of sigma


@dataclass(frozen=True, slots=True)
class DenoiserSettings:
    """The shape of the network, and how it is trained."""

    block_out_channels: tuple[int, ...] = (96, 192)
    cross_attention_dim: int = 256
    num_attention_heads: int = 4
    layers_per_block: tuple[int, ...] = (2, 1)
    num_tokens: int = 4
    batch_size: int = 48
    ema_decay: float = 0.999


def train_denoiser(
    dataset: LatentDataset,
    folder: Path,
    budget: Budget,
    settings: DenoiserSettings | None = None,
    *,
    start: Denoiser | None = None,
    origin: str = "",
    seed: int = 0,
    device: str = "cpu",
    on_step: OnTrainingProgress | None = None,
    on_note: OnNote | None = None,
    on_sheet: Callable[[Denoiser], bytes] | None = None,
    sheet_every: float = 240.0,
) -> Denoiser:
    """Train on a dataset and return the averaged network.

    `origin` identifies `start`, a network to continue from; see `copy_start`. The run is kept in `folder`;
    the same call continues one that was killed. Every `sheet_every` seconds `on_sheet` draws pictures of the
    averaged network as a PNG, which is written beside the log.
    """
    settings = settings or DenoiserSettings()
    torch.manual_seed(seed)
    model = new_denoiser(dataset, settings)
    if start is not None:
        copy_start(model, start)
    trainer: Trainer[Denoiser, LatentBatch] = Trainer(
        model,
        folder,
        budget,
        {**asdict(settings), "from": origin},
        ends=(model.conv_in, model.conv_out, model.image_proj.type_embedding, model.image_proj.pool_score),
        decay=settings.ema_decay,
        dataset=dataset.digest,
        seed=seed,
        device=device,
        on_note=on_note,
    )

    def parts() -> Sequence[LatentBatch]:
        return draw(dataset, trainer.run.random, settings.batch_size, device).parts(trainer.workers.count)

    drawn = trainer.run.seconds
    for _ in trainer.steps(parts, partial(gradients, model, settings.batch_size), on_step):
        if on_sheet and trainer.run.seconds - drawn > sheet_every:
            drawn = trainer.run.seconds
            write_whole(folder / f"sheet-{round(drawn / 60):03d}.png", on_sheet(trainer.averaged))
    return trainer.averaged


def new_denoiser(dataset: LatentDataset, settings: DenoiserSettings) -> Denoiser:
    """An untrained network."""
    model: Denoiser = Denoiser(  # type: ignore[call-overload, unused-ignore]
        dataset.dimension,
        dataset.latents.shape[2],
        dataset.latents.shape[1],
        settings.block_out_channels,
        settings.cross_attention_dim,
        settings.num_attention_heads,
        settings.layers_per_block,
        settings.num_tokens,
    )
    return model


@dataclass(frozen=True, slots=True)
class LatentBatch:
    """The inputs of the network, and the `clean` latents that it should predict."""

    clean: Tensor  # (b, latent_channels, h, w)
    noisy: Tensor
    sigma: Tensor  # (b,)
    vectors: Tensor  # (b, 1 + MAX_NEIGHBOURS, d)
    kinds: Tensor
    weights: Tensor  # 0 for vectors that are left out

    def parts(self, count: int) -> list["LatentBatch"]:
        """At most `count` parts of about the same size."""
        columns = [getattr(self, name).tensor_split(count) for name in self.__slots__]
        return [LatentBatch(*part) for part in zip(*columns, strict=True) if len(part[0])]


def draw(dataset: LatentDataset, random: np.random.Generator, count: int, device: str = "cpu") -> LatentBatch:
    """Draw pictures, the vectors that they are predicted from, and noise."""
    chosen = random.integers(len(dataset), size=count)
    vectors, kinds, weights = tokens(dataset, chosen, random)
    clean = dataset.latents[chosen].astype(np.float32)
    sigma = 1 / (1 + np.exp(-random.normal(*LEVELS, size=count))).astype(np.float32)
    noise = random.standard_normal(clean.shape, dtype=np.float32)
    level = sigma[:, None, None, None]
    arrays = (clean, (1 - level) * clean + level * noise, sigma, vectors, kinds, weights)
    return LatentBatch(*(torch.from_numpy(array).to(device) for array in arrays))


def tokens(
    dataset: LatentDataset, chosen: NDArray[np.integer], random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """Vectors (b, 1 + MAX_NEIGHBOURS, d), kinds and weights: first a text or the picture, then neighbours."""
    count, places = len(chosen), 1 + MAX_NEIGHBOURS
    vectors = np.zeros((count, places, dataset.dimension), dtype=np.float32)
    kinds = np.full((count, places), NEIGHBOUR, dtype=np.int64)
    weights = np.zeros((count, places), dtype=np.float32)
    drawn = random.random(count)  # in three bands of DROPOUT there is neither, only neighbours, or only text
    has_text = drawn >= 2 * DROPOUT
    has_neighbours = (drawn >= DROPOUT) & ~((drawn >= 2 * DROPOUT) & (drawn < 3 * DROPOUT))
    for row, index in enumerate(chosen):
        captions = dataset.captions_of(int(index))
        worded = len(captions) > 0 and random.random() >= OWN_SHARE
        caption = captions[random.integers(len(captions))] if worded else 0
        vectors[row, 0] = dataset.texts[caption] if worded else dataset.own[index]
        kinds[row, 0] = TEXT if worded else OWN
        weights[row, 0] = has_text[row]
        near = dataset.near_texts[caption] if worded else dataset.near_own[index]
        kept = random.permutation(near[near >= 0])[: random.integers(MAX_NEIGHBOURS + 1)]
        vectors[row, 1 : 1 + len(kept)] = dataset.own[kept]
        weights[row, 1 : 1 + len(kept)] = has_neighbours[row]
    return blurred(vectors, random), kinds, weights


def blurred(vectors: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """The vectors. Those of neighbours get noise of a random level, and are normalised again."""
    near = vectors[:, 1:]
    level = random.uniform(0, BLUR, size=(*near.shape[:2], 1)) / np.sqrt(near.shape[-1])
    noisy = near + level * random.standard_normal(near.shape, dtype=np.float32)
    length = np.linalg.norm(noisy, axis=-1, keepdims=True)
    present = np.linalg.norm(near, axis=-1, keepdims=True) > 0
    vectors[:, 1:] = np.where(present, noisy / np.maximum(length, 1e-6), 0)
    return vectors


def gradients(model: Denoiser, whole: int, weights: Sequence[Tensor], batch: LatentBatch) -> LossAndGradients:
    """The share of a part of a batch of `whole` pictures in the loss and in its gradients."""
    device = batch.clean.device.type
    with torch.autocast(device, torch.bfloat16, enabled=halves(device)):
        guess = model(batch.noisy, batch.sigma, batch.vectors, batch.kinds, batch.weights)
    error = (guess.float() - batch.clean).square().mean((1, 2, 3))
    loss = (error / batch.sigma.clamp(min=0.3).square()).sum() / whole  # weighted by the path's direction
    return float(loss.detach()), torch.autograd.grad(loss, weights)


def halves(device: str) -> bool:
    """Whether a device computes faster in bfloat16: GPUs do, and CPUs that have instructions for it.

    oneDNN claims support on every CPU with AVX-512, but is four times as slow without those instructions.
    """
    return device == "cuda" or (device == "cpu" and torch.cpu._is_avx512_bf16_supported())
