"""Train the network that makes latents of pictures from a library's vectors, in any space.

A picture is learnt from its captions' vectors or its own, and from its neighbours' (as in
retrieval-augmented diffusion models; Blattmann et al. 2022, and kNN-Diffusion; Sheynin et al. 2023).
Each of the two is left out at times, so that the finished generator can be guided by either.

The network learns the clean latents on the path from noise (see `generation.pipeline`). What differs
from the papers is there because the time is short: Muon for the convolutions, and noise levels
drawn where the few steps of a generation go.
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
from phosphene.training.course import Course, OnStep, begin
from phosphene.training.lessons import Lessons
from phosphene.training.run import OnNote
from phosphene.training.workers import Learnt

MOST = 8  # neighbours at once
HIDE = 0.1  # share of pictures without text, without neighbours, and without both
OWN_SHARE = 0.35  # of the pictures with a text: how many have their own vector instead
BLUR = 0.3  # most noise on a neighbour's vector, so that it is not copied
LEVELS = (0.9, 1.0)  # mean and deviation of sigma's logit


@dataclass(frozen=True, slots=True)
class Settings:
    """The network's shape, and how it is trained."""

    block_out_channels: tuple[int, ...] = (96, 192)
    cross_attention_dim: int = 256
    num_attention_heads: int = 4
    layers_per_block: tuple[int, ...] = (2, 1)
    num_tokens: int = 4
    batch_size: int = 48
    ema_decay: float = 0.999


def fit(
    lessons: Lessons,
    folder: Path,
    budget: Budget,
    settings: Settings | None = None,
    *,
    start: Denoiser | None = None,
    origin: str = "",
    seed: int = 0,
    device: str = "cpu",
    on_step: OnStep | None = None,
    on_note: OnNote | None = None,
    on_sheet: Callable[[Denoiser], bytes] | None = None,
    sheet_every: float = 240.0,
) -> Denoiser:
    """Train on lessons; the averaged network. `start`, which `origin` tells from others, is one to go on
    from, see `begin`.

    The run lies in `folder`; the same call goes on where a killed one left off. Every `sheet_every`
    seconds `on_sheet` draws what the averaged network makes, as a PNG beside the log.
    """
    settings = settings or Settings()
    torch.manual_seed(seed)
    model = new_denoiser(lessons, settings)
    if start is not None:
        begin(model, start)
    course: Course[Denoiser, Batch] = Course(
        model,
        folder,
        budget,
        {**asdict(settings), "from": origin},
        ends=(model.conv_in, model.conv_out, model.image_proj.type_embedding, model.image_proj.pool_score),
        decay=settings.ema_decay,
        lessons=lessons.digest,
        seed=seed,
        device=device,
        on_note=on_note,
    )

    def parts() -> Sequence[Batch]:
        return draw(lessons, course.run.random, settings.batch_size, device).parts(course.workers.count)

    drawn = course.run.seconds
    for _ in course.steps(parts, partial(gradients, model, settings.batch), on_step):
        if on_sheet and course.run.seconds - drawn > sheet_every:
            drawn = course.run.seconds
            write_whole(folder / f"sheet-{round(drawn / 60):03d}.png", on_sheet(course.averaged))
    return course.averaged


def new_denoiser(lessons: Lessons, settings: Settings) -> Denoiser:
    """A network that has learnt nothing yet."""
    model: Denoiser = Denoiser(  # type: ignore[call-overload, unused-ignore]
        lessons.dimension,
        lessons.latents.shape[2],
        lessons.latents.shape[1],
        settings.block_out_channels,
        settings.cross_attention_dim,
        settings.num_attention_heads,
        settings.layers_per_block,
        settings.num_tokens,
    )
    return model


@dataclass(frozen=True, slots=True)
class Batch:
    """What the network is shown, and what it should have said (`clean`)."""

    clean: Tensor  # (b, latent_channels, h, w)
    noisy: Tensor
    sigma: Tensor  # (b,)
    vectors: Tensor  # (b, 1 + MOST, d)
    kinds: Tensor
    weights: Tensor  # 0 where a token is left out

    def parts(self, count: int) -> list["Batch"]:
        """As many parts of about the same size; fewer where there are not as many pictures."""
        columns = [getattr(self, name).tensor_split(count) for name in self.__slots__]
        return [Batch(*part) for part in zip(*columns, strict=True) if len(part[0])]


def draw(lessons: Lessons, random: np.random.Generator, count: int, device: str = "cpu") -> Batch:
    """Draw pictures, what of their surroundings is told, and noise."""
    chosen = random.integers(len(lessons), size=count)
    vectors, kinds, weights = tokens(lessons, chosen, random)
    clean = lessons.latents[chosen].astype(np.float32)
    sigma = 1 / (1 + np.exp(-random.normal(*LEVELS, size=count))).astype(np.float32)
    noise = random.standard_normal(clean.shape, dtype=np.float32)
    level = sigma[:, None, None, None]
    arrays = (clean, (1 - level) * clean + level * noise, sigma, vectors, kinds, weights)
    return Batch(*(torch.from_numpy(array).to(device) for array in arrays))


def tokens(
    lessons: Lessons, chosen: NDArray[np.integer], random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """Vectors (b, 1 + MOST, d), kinds and weights: first a text or the picture itself, then neighbours."""
    count, places = len(chosen), 1 + MOST
    vectors = np.zeros((count, places, lessons.dimension), dtype=np.float32)
    kinds = np.full((count, places), NEIGHBOUR, dtype=np.int64)
    weights = np.zeros((count, places), dtype=np.float32)
    fate = random.random(count)  # three bands of HIDE: neither is told, neighbours alone, text alone
    text_told = fate >= 2 * HIDE
    near_told = (fate >= HIDE) & ~((fate >= 2 * HIDE) & (fate < 3 * HIDE))
    for row, index in enumerate(chosen):
        captions = lessons.captions_of(int(index))
        worded = len(captions) > 0 and random.random() >= OWN_SHARE
        caption = captions[random.integers(len(captions))] if worded else 0
        vectors[row, 0] = lessons.texts[caption] if worded else lessons.own[index]
        kinds[row, 0] = TEXT if worded else OWN
        weights[row, 0] = text_told[row]
        near = lessons.near_texts[caption] if worded else lessons.near_own[index]
        told = random.permutation(near[near >= 0])[: random.integers(MOST + 1)]
        vectors[row, 1 : 1 + len(told)] = lessons.own[told]
        weights[row, 1 : 1 + len(told)] = near_told[row]
    return blurred(vectors, random), kinds, weights


def blurred(vectors: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """The neighbours' vectors with noise of a random level, of length one again."""
    near = vectors[:, 1:]
    level = random.uniform(0, BLUR, size=(*near.shape[:2], 1)) / np.sqrt(near.shape[-1])
    noisy = near + level * random.standard_normal(near.shape, dtype=np.float32)
    length = np.linalg.norm(noisy, axis=-1, keepdims=True)
    there = np.linalg.norm(near, axis=-1, keepdims=True) > 0
    vectors[:, 1:] = np.where(there, noisy / np.maximum(length, 1e-6), 0)
    return vectors


def gradients(model: Denoiser, whole: int, weights: Sequence[Tensor], batch: Batch) -> Learnt:
    """The share that a part of a batch of `whole` pictures has in the loss, and in its gradients."""
    device = batch.clean.device.type
    with torch.autocast(device, torch.bfloat16, enabled=halves(device)):
        guess = model(batch.noisy, batch.sigma, batch.vectors, batch.kinds, batch.weights)
    error = (guess.float() - batch.clean).square().mean((1, 2, 3))
    loss = (error / batch.sigma.clamp(min=0.3).square()).sum() / whole  # by the path's direction
    return float(loss.detach()), torch.autograd.grad(loss, weights)


def halves(device: str) -> bool:
    """Whether a device computes faster in bfloat16: GPUs do, and CPUs that have instructions for it.

    oneDNN says yes to every AVX-512, but without those instructions takes four times as long.
    """
    return device == "cuda" or (device == "cpu" and torch.cpu._is_avx512_bf16_supported())
