"""Train the latent encoder: it learns to predict the vector of the picture that latents decode to."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from phosphene.nets.latent_encoder import LatentEncoder
from phosphene.training.budget import Budget
from phosphene.training.course import Course, OnStep, begin
from phosphene.training.lessons import Lessons
from phosphene.training.run import OnNote
from phosphene.training.workers import Learnt

BATCH = 128
NOISE = 0.3  # strongest noise on the latents, whose mean square is 1: what is generated is not quite right
RATES = {"muon": 0.01, "adamw": 2e-3}


def train_latent_encoder(
    lessons: Lessons,
    folder: Path,
    budget: Budget,
    *,
    start: LatentEncoder | None = None,
    origin: str = "",
    seed: int = 0,
    device: str = "cpu",
    on_step: OnStep | None = None,
    on_note: OnNote | None = None,
) -> LatentEncoder:
    """Train on lessons; the averaged network. `start`, which `origin` tells from others, is one to go on
    from, see `begin`.

    The run lies in `folder`; the same call goes on where a killed one left off.
    """
    torch.manual_seed(seed)
    model: LatentEncoder = LatentEncoder(lessons.dimension, lessons.latents.shape[1])  # type: ignore[call-overload, unused-ignore]
    if start is not None:
        begin(model, start)
    course: Course[LatentEncoder, Batch] = Course(
        model,
        folder,
        budget,
        {"from": origin},
        ends=(model.blocks.get_submodule("0.0"), model.proj_out),
        rates=RATES,
        lessons=lessons.digest,
        seed=seed,
        device=device,
        on_note=on_note,
    )

    def parts() -> Sequence[Batch]:
        return draw(lessons, course.run.random, device).parts(course.workers.count)

    for _ in course.steps(parts, partial(gradients, model), on_step):
        pass
    return course.averaged


@dataclass(frozen=True, slots=True)
class Batch:
    """Noisy latents (b, latent_channels, h, w), and their pictures' vectors (b, d)."""

    latents: Tensor
    vectors: Tensor

    def parts(self, count: int) -> list["Batch"]:
        """As many parts of about the same size; fewer where there are not as many pictures."""
        pairs = zip(self.latents.tensor_split(count), self.vectors.tensor_split(count), strict=True)
        return [Batch(*pair) for pair in pairs if len(pair[0])]


def draw(lessons: Lessons, random: np.random.Generator, device: str = "cpu") -> Batch:
    """Draw pictures, and noise of a level of its own for each."""
    chosen = random.integers(len(lessons), size=BATCH)
    clean = lessons.latents[chosen].astype(np.float32)
    level = random.uniform(0, NOISE, size=(BATCH, 1, 1, 1)).astype(np.float32)
    noisy = clean + level * random.standard_normal(clean.shape, dtype=np.float32)
    return Batch(*(torch.from_numpy(array).to(device) for array in (noisy, lessons.own[chosen])))


def gradients(model: LatentEncoder, weights: Sequence[Tensor], part: Batch) -> Learnt:
    """The share that a part of a batch has in the loss, and in its gradients."""
    cosines = (model(part.latents) * part.vectors).sum(1)
    loss = (1 - cosines).sum() / BATCH
    return float(loss.detach()), torch.autograd.grad(loss, weights)
