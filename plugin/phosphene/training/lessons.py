"""What the denoiser learns from: batches of pictures, the vectors that they are predicted from, and noise.

A CPU draws them picture by picture. A GPU holds the whole dataset in its memory, where `ResidentDataset`
draws all pictures of a batch at once. Both draw from the same distribution.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from phosphene.nets.denoiser import NEIGHBOUR, OWN, TEXT
from phosphene.training.dataset import LatentDataset

MAX_NEIGHBOURS = 8
DROPOUT = 0.1  # share of pictures without a text, without neighbours, and without both
OWN_SHARE = 0.35  # share of pictures that have their own vector in the place of a caption's
BLUR = 0.3  # the strongest noise on a neighbour's vector, so that it is not copied
LEVELS = (0.9, 1.0)  # mean and deviation of the logit of sigma


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


@dataclass(frozen=True, slots=True)
class ResidentDataset:
    """A dataset in the memory of one device, where `draw` neither waits for the host nor changes a shape."""

    latents: Tensor
    own: Tensor
    texts: Tensor
    first: Tensor
    near_own: Tensor
    near_texts: Tensor

    @classmethod
    def of(cls, dataset: LatentDataset, device: torch.device) -> "ResidentDataset":
        """Copy a dataset to a device."""
        texts, near_texts = dataset.texts, dataset.near_texts
        if not len(texts):  # so that there is a row to read, which nothing uses
            texts, near_texts = np.zeros_like(dataset.own[:1]), np.full_like(dataset.near_own[:1], -1)
        arrays = (dataset.latents, dataset.own, texts, dataset.first, dataset.near_own, near_texts)
        return cls(*(torch.from_numpy(array).to(device) for array in arrays))

    def draw(self, count: int) -> LatentBatch:
        """Draw as the function `draw` does, with torch's generator of the device."""
        device = self.own.device
        chosen = torch.randint(len(self.latents), (count,), device=device)
        vectors, kinds, weights = self.tokens(chosen)
        clean = self.latents[chosen].float()
        mean, deviation = LEVELS
        sigma = torch.sigmoid(mean + deviation * torch.randn(count, device=device))
        level = sigma[:, None, None, None]
        noisy = (1 - level) * clean + level * torch.randn_like(clean)
        return LatentBatch(clean, noisy, sigma, vectors, kinds, weights)

    def tokens(self, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Vectors, kinds and weights, as the function `tokens` returns them."""
        count, device = len(chosen), chosen.device
        drawn = torch.rand(count, device=device)
        has_text = drawn >= 2 * DROPOUT
        has_neighbours = (drawn >= DROPOUT) & ~((drawn >= 2 * DROPOUT) & (drawn < 3 * DROPOUT))
        caption, worded = self._captions(chosen)
        said = torch.where(worded[:, None], self.texts[caption], self.own[chosen])
        near, present = _some(torch.where(worded[:, None], self.near_texts[caption], self.near_own[chosen]))
        vectors = torch.cat([said[:, None], _blurred(self.own[near]) * present[..., None]], 1)
        kinds = torch.full(vectors.shape[:2], NEIGHBOUR, device=device)
        kinds[:, 0] = torch.full_like(chosen, OWN).masked_fill(worded, TEXT)
        weights = torch.cat([has_text[:, None], present & has_neighbours[:, None]], 1)
        return vectors, kinds, weights.float()

    def _captions(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """A caption of each picture, and whether it is learnt from that and not from its own vector."""
        first, counts = self.first[chosen], self.first[chosen + 1] - self.first[chosen]
        random = torch.rand(2, len(chosen), device=chosen.device)
        worded = (counts > 0) & (random[0] >= OWN_SHARE)
        caption = first + (random[1] * counts).long()
        return caption.clamp(max=len(self.texts) - 1), worded


def _some(near: Tensor) -> tuple[Tensor, Tensor]:
    """MAX_NEIGHBOURS of each row in random order, and which of them are used: a random number."""
    device = near.device
    order = torch.rand(near.shape, device=device).masked_fill(near < 0, 2.0).argsort(1)[:, :MAX_NEIGHBOURS]
    some = near.gather(1, order).long()
    most = torch.randint(MAX_NEIGHBOURS + 1, (len(near), 1), device=device)
    used = (torch.arange(MAX_NEIGHBOURS, device=device) < most) & (some >= 0)
    return some.clamp(min=0), used


def _blurred(vectors: Tensor) -> Tensor:
    """Unit vectors (b, k, d) with noise of a random level each, as the function `blurred` adds it."""
    level = BLUR / math.sqrt(vectors.shape[-1]) * torch.rand(*vectors.shape[:2], 1, device=vectors.device)
    return F.normalize(vectors + level * torch.randn_like(vectors), dim=-1)
