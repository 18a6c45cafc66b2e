"""The conditions of pictures, and guidance, which decides how closely the denoiser follows them.

**Two guidance scales**, as in InstructPix2Pix (Brooks et al. 2023, eq. 3) and Re-Imagen (Chen et al. 2023):

    clean = nothing + image_guidance_scale * (neighbours - nothing) + guidance_scale * (both - neighbours)
                    + guidance_scale * (nothing - negative)

Each word stands for the prediction from those tokens alone. The last term is the NOT of Composable Diffusion
(Liu et al. 2022). It has a direction of its own, so it also works without a text.

**Guidance ends before the picture does** (Kynkäänniemi et al. 2024): once little noise is left, guidance no
longer corrects anything, and a step without it costs half.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from phosphene.nets.denoiser import NEIGHBOUR, TEXT
from phosphene.vectors import Vector, Vectors

GUIDANCE_END = 0.62  # share of the first noise level below which guidance ends: after 6 of 8 steps
Embeds = Tensor | Vectors | Sequence[Tensor | Vector | Vectors | None] | None


@dataclass(frozen=True, slots=True)
class Condition:
    """The vectors that one picture is made from. All are unit vectors."""

    text: Vector | None = None
    neighbours: Vectors | None = None  # (k, d)
    weights: Sequence[float] = ()  # (k,), 0 or more; only their ratio to the largest one counts
    negative: Vectors | None = None  # (m, d)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Conditions as the denoiser takes them, padded to the same number of vectors with weights of 0."""

    vectors: Tensor  # (b, k, d)
    kinds: Tensor  # (b, k)
    weights: Tensor  # (b, k)

    @classmethod
    def of(cls, conditions: Sequence[Condition], dimension: int, device: torch.device) -> "Tokens":
        """All conditions in one tensor."""
        rows = [_row(condition) for condition in conditions]
        longest = max(1, *(len(row) for row in rows)) if rows else 1
        vectors = torch.zeros(len(rows), longest, dimension)
        kinds = torch.zeros(len(rows), longest, dtype=torch.int64)
        weights = torch.zeros(len(rows), longest)
        for index, row in enumerate(rows):
            for place, (vector, kind, weight) in enumerate(row):
                vectors[index, place] = torch.from_numpy(vector)
                kinds[index, place], weights[index, place] = kind, weight
        return cls(vectors.to(device), kinds.to(device), weights.to(device))


@dataclass(frozen=True, slots=True)
class Branches:
    """The predictions that are summed: the tokens of all branches, and the branches' weights (branches,)."""

    tokens: Tokens
    shares: Tensor


@dataclass(frozen=True, slots=True)
class GuidanceScales:
    """The guidance scales of the text and of the neighbours."""

    text: float
    neighbours: float

    @property
    def ended(self) -> "GuidanceScales":
        """The scales after guidance has ended: at most 1, which is the prediction from the tokens alone."""
        return GuidanceScales(min(self.text, 1.0), min(self.neighbours, 1.0))

    def branches(self, conditions: Sequence[Condition], dimension: int, device: torch.device) -> Branches:
        """The predictions with a weight other than 0."""
        summed = [(branch, share) for branch, share in self._sum(conditions) if share != 0.0]
        flat = [condition for branch, _ in summed for condition in branch]
        shares = torch.tensor([share for _, share in summed], device=device)
        return Branches(Tokens.of(flat, dimension, device), shares)

    def _sum(self, conditions: Sequence[Condition]) -> list[tuple[list[Condition], float]]:
        nothing = [Condition() for _ in conditions]
        neighbours = [replace(condition, text=None, negative=None) for condition in conditions]
        both = [replace(condition, negative=None) for condition in conditions]
        negative = [_negative(condition) for condition in conditions]
        against = self.text if any(condition.negative is not None for condition in conditions) else 0.0
        return [
            (nothing, 1 - self.neighbours + against),
            (neighbours, self.neighbours - self.text),
            (both, self.text),
            (negative, -against),
        ]


def _negative(condition: Condition) -> Condition:
    """The negative vectors as a condition of their own, whose text is their mean direction."""
    if condition.negative is None or not len(condition.negative):
        return Condition()
    total = condition.negative.sum(0)
    return Condition(text=total / max(float(np.linalg.norm(total)), 1e-6))


def _row(condition: Condition) -> list[tuple[Vector, int, float]]:
    text = [(condition.text, TEXT, 1.0)] if condition.text is not None else []
    if condition.neighbours is None:
        return text
    most = max(condition.weights, default=0.0)
    near = zip(condition.neighbours, condition.weights, strict=True)
    return text + [(vector, NEIGHBOUR, weight / most) for vector, weight in near if weight > 0]


def conditions_of(
    prompt_embeds: Embeds,
    image_embeds: Embeds,
    image_embeds_weights: Sequence[Sequence[float]] | None,
    negative_prompt_embeds: Embeds,
) -> list[Condition]:
    """One condition per picture of a call. The list is empty if there are no embeddings at all."""
    given = (prompt_embeds, image_embeds, image_embeds_weights, negative_prompt_embeds)
    counts = {len(each) for each in given if each is not None}
    if len(counts) > 1:
        raise ValueError(f"The embeddings are of different numbers of pictures: {sorted(counts)}.")
    count = counts.pop() if counts else 0
    texts, neighbours, weights, negatives = ([None] * count if each is None else each for each in given)
    return [_condition(*row) for row in zip(texts, neighbours, weights, negatives, strict=True)]


def _condition(text: Any, neighbours: Any, weights: Sequence[float] | None, negative: Any) -> Condition:
    near = None if neighbours is None else np.atleast_2d(_array(neighbours))
    return Condition(
        text=None if text is None else _array(text),
        neighbours=near,
        weights=[1.0] * (0 if near is None else len(near)) if weights is None else weights,
        negative=None if negative is None else np.atleast_2d(_array(negative)),
    )


def _array(vectors: Any) -> Vectors:
    array = vectors.detach().float().cpu().numpy() if isinstance(vectors, Tensor) else vectors
    return np.asarray(array, dtype=np.float32)
