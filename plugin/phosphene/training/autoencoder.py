"""Train the autoencoder: it learns to reconstruct pictures from noisy latents.

The noise has the role of the KL term in latent diffusion (Rombach et al. 2022): neighbouring latents
decode alike, and the decoder tolerates small errors of the generator.

The loss compares pixels, and also the local contrast of the pictures. Latents cannot hold the place of every
tile of a mosaic, and the mean of all possible places is a plain grey; the second term asks for tiles anyway.
"""

import copy
import hashlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from phosphene.nets.autoencoder import Autoencoder
from phosphene.training import checkpoint
from phosphene.training.budget import Budget
from phosphene.training.ema import averaged_weights
from phosphene.training.examples import mirrored
from phosphene.training.run import CHECKPOINT, OnNote
from phosphene.training.trainer import OnTrainingProgress, Trainer

RATES = {"muon": 0.01, "adamw": 2e-3}
BATCH_SIZE, GPU_BATCH_SIZE = 4, 64  # whole pictures: from crops a network learns that a border is always near
CONTRAST_WEIGHT = 1.0  # of the contrast in the loss, where pixels have the weight 1
WINDOW = 16  # width in pixels of the windows in which contrast is measured
NOISE = 0.4  # the strongest noise on latents, whose mean square is 1


def train_autoencoder(
    pictures: NDArray[np.uint8],
    folder: Path,
    budget: Budget,
    *,
    start: Autoencoder | None = None,
    origin: str = "",
    dataset: str = "",
    rate: float = 1.0,
    seed: int = 0,
    device: str = "cpu",
    on_step: OnTrainingProgress | None = None,
    on_note: OnNote | None = None,
) -> Autoencoder:
    """Train on pictures (n, size, size, 3) and return the averaged network.

    `dataset` identifies the pictures, and `origin` identifies `start`, a network to continue from. Then only
    its decoder is trained, so that latents stay what they are. `rate` is a factor for the learning rates. The
    run is kept in `folder`; the same call continues one that was killed.
    """
    torch.manual_seed(seed)
    model = copy.deepcopy(start) if start else new_autoencoder(pictures.shape[1])
    model.encoder.requires_grad_(start is None)
    settings = {**{key: model.config[key] for key in ("sample_size", "latent_channels")}, "from": origin}
    trainer: Trainer[Autoencoder, PictureBatch] = Trainer(
        model,
        folder,
        budget,
        settings,
        ends=(model.encoder[1], model.decoder[-2]),  # what folds pixels, and what unfolds them
        rates=RATES,
        dataset=dataset,
        rate=rate,
        seed=seed,
        device=device,
        on_note=on_note,
    )

    channels, side = model.config["latent_channels"], model.latent_size
    if trainer.on_gpu:
        there = torch.from_numpy(pictures).to(trainer.device)
        batch, size = partial(draw_there, there, channels, side), GPU_BATCH_SIZE
    else:
        batch, size = partial(draw, pictures, trainer.run.random, channels, side, device), BATCH_SIZE
    for _ in trainer.steps(batch, partial(share_of_loss, model, size), on_step):
        pass
    return trainer.averaged


def new_autoencoder(size: int) -> Autoencoder:
    """An untrained network."""
    model: Autoencoder = Autoencoder(size)  # type: ignore[call-overload, unused-ignore]
    return model


def saved_autoencoder(folder: Path, budget: Budget, like: Autoencoder) -> tuple[Autoencoder, float] | None:
    """The averaged network of the run in `folder`, and the share of its budget that is spent.

    None if there is no run. `like` is a network of the same shape. Raises ModelError if the checkpoint is
    damaged.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    state, model = checkpoint.read(path), copy.deepcopy(like)
    try:
        model.load_state_dict(averaged_weights(state["parts"]["ema"]))
        return model.eval().requires_grad_(False), budget.progress(state["seconds"], state["steps"])
    except checkpoint.DAMAGE as error:
        raise checkpoint.damaged(path, error) from error


def encoder_digest(model: Autoencoder) -> str:
    """Identifies an encoder, and so its latents."""
    shape = {key: value for key, value in model.config.items() if not key.startswith("_")}
    total = hashlib.sha256(json.dumps(shape, sort_keys=True).encode())
    for name, weights in model.encoder.state_dict().items():
        total.update(name.encode() + weights.detach().float().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()


def to_unit_range(pictures: Tensor) -> Tensor:
    """Pictures (n, h, w, 3) of 8 bits as (n, 3, h, w) in [-1, 1]."""
    return pictures.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


@dataclass(frozen=True, slots=True)
class PictureBatch:
    """Pictures (b, 3, size, size) in [-1, 1], and noise (b, latent_channels, h, w) for their latents."""

    pictures: Tensor
    noise: Tensor

    def parts(self, count: int) -> list["PictureBatch"]:
        """At most `count` parts of about the same size."""
        pairs = zip(self.pictures.tensor_split(count), self.noise.tensor_split(count), strict=True)
        return [PictureBatch(*pair) for pair in pairs if len(pair[0])]


def draw(
    pictures: NDArray[np.uint8], random: np.random.Generator, channels: int, size: int, device: str = "cpu"
) -> PictureBatch:
    """Draw pictures, and noise of a random level for each of them."""
    chosen = mirrored(pictures[random.integers(len(pictures), size=BATCH_SIZE)], random)
    level = random.uniform(0, NOISE, size=(BATCH_SIZE, 1, 1, 1)).astype(np.float32)
    noise = level * random.standard_normal((BATCH_SIZE, channels, size, size), dtype=np.float32)
    return PictureBatch(
        to_unit_range(torch.from_numpy(chosen).to(device)), torch.from_numpy(noise).to(device)
    )


def draw_there(pictures: Tensor, channels: int, size: int) -> PictureBatch:
    """Draw as `draw` does from pictures on a GPU, all at once."""
    count, device = GPU_BATCH_SIZE, pictures.device
    chosen = to_unit_range(pictures[torch.randint(len(pictures), (count,), device=device)])
    turned = torch.rand(count, 1, 1, 1, device=device) < 0.5
    level = NOISE * torch.rand(count, 1, 1, 1, device=device)
    noise = level * torch.randn(count, channels, size, size, device=device)
    return PictureBatch(torch.where(turned, chosen.flip(-1), chosen), noise)


def share_of_loss(model: Autoencoder, whole: int, part: PictureBatch) -> Tensor:
    """The share of a part of a batch of `whole` pictures in the loss."""
    clean = part.pictures.contiguous(memory_format=torch.channels_last)
    with torch.autocast(clean.device.type, torch.bfloat16, enabled=clean.is_cuda):
        guess = model.decode(model.encode(clean).float() + part.noise).float()
    loss = F.l1_loss(guess, clean) + CONTRAST_WEIGHT * F.l1_loss(contrast(guess), contrast(clean))
    return loss * (len(clean) / whole)


def contrast(pictures: Tensor) -> Tensor:
    """The standard deviation of pixels in overlapping windows, (b, 3, h / 8 - 1, w / 8 - 1)."""
    mean = F.avg_pool2d(pictures, WINDOW, WINDOW // 2)
    square = F.avg_pool2d(pictures.square(), WINDOW, WINDOW // 2)
    return (square - mean.square()).clamp(min=1e-4).sqrt()
