"""Train the autoencoder on pictures alone: what it makes of them, out of noisy latents, against the pictures.

The noise does what the KL term does in latent diffusion (Rombach et al. 2022): latents that lie near to one
another decode alike, and the decoder forgives what the generator gets slightly wrong.

Beside the pixels themselves, the decoder is asked for as much contrast nearby as the picture has, wherever
exactly it lies: latents cannot hold every tile of a mosaic, and the mean of all tilings has no tiles.
"""

import copy
import hashlib
import json
from collections.abc import Sequence
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
from phosphene.training.course import Course, OnStep
from phosphene.training.examples import mirrored
from phosphene.training.run import CHECKPOINT, OnNote
from phosphene.training.workers import Learnt

RATES = {"muon": 0.01, "adamw": 2e-3}
BATCH = 4  # whole pictures: of crops it learns that a border is never far
TEXTURE = 1.0  # how much contrast counts beside pixels
WINDOW = 16  # pixels in which it is measured
NOISE = 0.4  # strongest noise on the latents, whose mean square is 1


def fit(
    pictures: NDArray[np.uint8],
    folder: Path,
    budget: Budget,
    *,
    start: Autoencoder | None = None,
    origin: str = "",
    lessons: str = "",
    seed: int = 0,
    device: str = "cpu",
    on_step: OnStep | None = None,
    on_note: OnNote | None = None,
) -> Autoencoder:
    """Train on pictures (n, size, size, 3), which `lessons` tells from others; the averaged network.

    `start`, which `origin` tells from others, is one to go on from: then its decoder alone is taught, so
    that latents stay what they are.
    The run lies in `folder`; the same call goes on where a killed one left off.
    """
    torch.manual_seed(seed)
    model = copy.deepcopy(start) if start else new_autoencoder(pictures.shape[1])
    model.encoder.requires_grad_(start is None)
    settings = {**{key: model.config[key] for key in ("sample_size", "latent_channels")}, "from": origin}
    course: Course[Autoencoder, Batch] = Course(
        model,
        folder,
        budget,
        settings,
        ends=(model.encoder[1], model.decoder[-2]),  # what folds pixels, and what unfolds them
        rates=RATES,
        lessons=lessons,
        seed=seed,
        device=device,
        on_note=on_note,
    )

    def parts() -> Sequence[Batch]:
        batch = draw(pictures, course.run.random, model.config["latent_channels"], model.latent_size, device)
        return batch.parts(course.workers.count)

    for _ in course.steps(parts, partial(gradients, model), on_step):
        pass
    return course.averaged


def new_autoencoder(size: int) -> Autoencoder:
    """A network that has learnt nothing yet."""
    model: Autoencoder = Autoencoder(size)  # type: ignore[call-overload, unused-ignore]
    return model


def kept(folder: Path, budget: Budget, like: Autoencoder) -> tuple[Autoencoder, float] | None:
    """The averaged network of the run in `folder`, and its share of the budget; None where there is none.

    `like` is one of the same shape. Raises ModelError where the checkpoint is damaged.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    state, model = checkpoint.read(path), copy.deepcopy(like)
    try:
        model.load_state_dict(state["parts"]["average"]["module"])
        return model.eval().requires_grad_(False), budget.progress(state["seconds"], state["steps"])
    except checkpoint.DAMAGE as error:
        raise checkpoint.damaged(path, error) from error


def digest(model: Autoencoder) -> str:
    """What tells an encoder, and so its latents, from others."""
    shape = {key: value for key, value in model.config.items() if not key.startswith("_")}
    total = hashlib.sha256(json.dumps(shape, sort_keys=True).encode())
    for name, weights in model.encoder.state_dict().items():
        total.update(name.encode() + weights.detach().float().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()


def normal(pictures: Tensor) -> Tensor:
    """Pictures (n, h, w, 3) of 8 bits as (n, 3, h, w) in [-1, 1]."""
    return pictures.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


@dataclass(frozen=True, slots=True)
class Batch:
    """Pictures (b, 3, size, size) in [-1, 1], and noise (b, latent_channels, h, w) for their latents."""

    pictures: Tensor
    noise: Tensor

    def parts(self, count: int) -> list["Batch"]:
        """As many parts of about the same size; fewer where there are not as many pictures."""
        pairs = zip(self.pictures.tensor_split(count), self.noise.tensor_split(count), strict=True)
        return [Batch(*pair) for pair in pairs if len(pair[0])]


def draw(
    pictures: NDArray[np.uint8], random: np.random.Generator, channels: int, size: int, device: str = "cpu"
) -> Batch:
    """Draw pictures, and noise of a level of its own for each."""
    chosen = mirrored(pictures[random.integers(len(pictures), size=BATCH)], random)
    level = random.uniform(0, NOISE, size=(BATCH, 1, 1, 1)).astype(np.float32)
    noise = level * random.standard_normal((BATCH, channels, size, size), dtype=np.float32)
    return Batch(normal(torch.from_numpy(chosen).to(device)), torch.from_numpy(noise).to(device))


def gradients(model: Autoencoder, weights: Sequence[Tensor], part: Batch) -> Learnt:
    """The share that a part of a batch has in the loss, and in its gradients."""
    clean = part.pictures.contiguous(memory_format=torch.channels_last)
    guess = model.decode(model.encode(clean) + part.noise)
    loss = F.l1_loss(guess, clean) + TEXTURE * F.l1_loss(contrast(guess), contrast(clean))
    loss = loss * (len(clean) / BATCH)
    return float(loss.detach()), torch.autograd.grad(loss, weights)


def contrast(pictures: Tensor) -> Tensor:
    """The standard deviation of pixels in overlapping windows, (b, 3, h / 8 - 1, w / 8 - 1)."""
    mean = F.avg_pool2d(pictures, WINDOW, WINDOW // 2)
    square = F.avg_pool2d(pictures.square(), WINDOW, WINDOW // 2)
    return (square - mean.square()).clamp(min=1e-4).sqrt()
