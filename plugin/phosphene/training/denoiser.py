"""Train the denoiser: it learns to predict the latents of pictures from a library's vectors, in any space.

Each picture is learnt from the vector of one of its captions, or from its own, and from the vectors of its
neighbours (as in retrieval-augmented diffusion models; Blattmann et al. 2022, and kNN-Diffusion; Sheynin et
al. 2023). Either is left out at times, so that classifier-free guidance can use both.

The network predicts clean latents on the straight path from noise (flow matching; Lipman et al. 2023). Two
things differ from the papers because the time is short: Muon trains the convolutions, and most noise levels
are drawn from where the few steps of a generation are.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from phosphene.files import write_whole
from phosphene.nets.denoiser import Denoiser
from phosphene.training.budget import Budget
from phosphene.training.dataset import LatentDataset
from phosphene.training.lessons import LatentBatch, ResidentDataset, draw
from phosphene.training.run import OnNote
from phosphene.training.trainer import OnTrainingProgress, Trainer, copy_start

BATCH_SIZE, GPU_BATCH_SIZE = 48, 768


@dataclass(frozen=True, slots=True)
class DenoiserSettings:
    """The shape of the network, and how it is trained."""

    block_out_channels: tuple[int, ...] = (96, 192)
    cross_attention_dim: int = 256
    num_attention_heads: int = 4
    layers_per_block: tuple[int, ...] = (2, 1)
    num_tokens: int = 4
    batch_size: int | None = None  # None: as many as suit the device
    ema_decay: float = 0.999


def train_denoiser(
    dataset: LatentDataset,
    folder: Path,
    budget: Budget,
    settings: DenoiserSettings | None = None,
    *,
    start: Denoiser | None = None,
    origin: str = "",
    rate: float = 1.0,
    seed: int = 0,
    device: str = "cpu",
    on_step: OnTrainingProgress | None = None,
    on_note: OnNote | None = None,
    on_sheet: Callable[[Denoiser], bytes] | None = None,
    sheet_every: float = 240.0,
) -> Denoiser:
    """Train on a dataset and return the averaged network.

    `origin` identifies `start`, a network to continue from; see `copy_start`. `rate` is a factor for the
    learning rates. The run is kept in `folder`; the same call continues one that was killed. Every
    `sheet_every` seconds `on_sheet` draws pictures of the averaged network as a PNG, which is written beside
    the log.
    """
    settings = settings or DenoiserSettings()
    size = settings.batch_size or (GPU_BATCH_SIZE if torch.device(device).type == "cuda" else BATCH_SIZE)
    torch.manual_seed(seed)
    model = new_denoiser(dataset, settings)
    if start is not None:
        copy_start(model, start)
    trainer: Trainer[Denoiser, LatentBatch] = Trainer(
        model,
        folder,
        budget,
        {**asdict(settings), "batch_size": size, "from": origin},
        ends=(model.conv_in, model.conv_out, model.image_proj.type_embedding, model.image_proj.pool_score),
        decay=settings.ema_decay,
        dataset=dataset.digest,
        rate=rate,
        seed=seed,
        device=device,
        on_note=on_note,
    )

    if trainer.on_gpu:
        batch = partial(ResidentDataset.of(dataset, trainer.device).draw, size)
    else:
        batch = partial(draw, dataset, trainer.run.random, size, device)
    drawn = trainer.run.seconds
    for _ in trainer.steps(batch, partial(share_of_loss, model, size), on_step):
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


def share_of_loss(model: Denoiser, whole: int, batch: LatentBatch) -> Tensor:
    """The share of a part of a batch of `whole` pictures in the loss."""
    device = batch.clean.device.type
    with torch.autocast(device, torch.bfloat16, enabled=halves(device)):
        guess = model(batch.noisy, batch.sigma, batch.vectors, batch.kinds, batch.weights)
    error = (guess.float() - batch.clean).square().mean((1, 2, 3))
    weighted = error / batch.sigma.clamp(min=0.3).square()  # by the path's direction
    share: Tensor = weighted.sum() / whole
    return share


def halves(device: str) -> bool:
    """Whether a device computes faster in bfloat16: GPUs do, and CPUs that have instructions for it.

    oneDNN claims support on every CPU with AVX-512, but is four times as slow without those instructions.
    """
    return device == "cuda" or (device == "cpu" and torch.cpu._is_avx512_bf16_supported())
