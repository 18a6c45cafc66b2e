"""What a picture is made from, and how closely the network is made to follow it.

**Two guidances**, as InstructPix2Pix (Brooks et al. 2023, eq. 3) and Re-Imagen (Chen et al. 2023) have them:

    clean = nothing + neighbour_guidance * (neighbours - nothing) + text_guidance * (both - neighbours)
                    + text_guidance * (nothing - negative)

where each word is the guess from those tokens alone. The last term, a direction of its own, is
how Composable Diffusion (Liu et al. 2022) says NOT: it works without a text too.

**Guidance ends before the picture does** (Kynkäänniemi et al. 2024): once little noise is left, it decides
nothing that it could set right, and a step without it costs half.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from phosphene.nets.denoiser import NEIGHBOUR, TEXT
from phosphene.vectors import Vector, Vectors

GUIDED = 0.62  # of the noise level that is begun at: guidance counts above that, so in the first 6 of 8 steps


@dataclass(frozen=True, slots=True)
class Condition:
    """What one picture is made from. Vectors are of length one."""

    text: Vector | None = None
    neighbours: Vectors | None = None  # (k, d)
    weights: Sequence[float] = ()  # (k,), 0 or more; they count relative to the largest
    negative: Vectors | None = None  # (m, d)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Conditions as the network takes them; those with fewer vectors are filled up with weights of 0."""

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
    """The guesses that are summed: their tokens, one guess after the other, and their shares (branches,)."""

    tokens: Tokens
    shares: Tensor


@dataclass(frozen=True, slots=True)
class Guide:
    """The two guidances."""

    text: float
    neighbours: float

    @property
    def ended(self) -> "Guide":
        """What is left of them where guidance has ended: no more than the tokens say by themselves."""
        return Guide(min(self.text, 1.0), min(self.neighbours, 1.0))

    def branches(self, conditions: Sequence[Condition], dimension: int, device: torch.device) -> Branches:
        """The guesses that have a share; the others are left out."""
        summed = [(branch, share) for branch, share in self._sum(conditions) if share != 0.0]
        told = [condition for branch, _ in summed for condition in branch]
        shares = torch.tensor([share for _, share in summed], device=device)
        return Branches(Tokens.of(told, dimension, device), shares)

    def _sum(self, conditions: Sequence[Condition]) -> list[tuple[list[Condition], float]]:
        nothing = [Condition() for _ in conditions]
        neighbours = [replace(condition, text=None, negative=None) for condition in conditions]
        both = [replace(condition, negative=None) for condition in conditions]
        negative = [_says_not(condition) for condition in conditions]
        against = self.text if any(condition.negative is not None for condition in conditions) else 0.0
        return [
            (nothing, 1 - self.neighbours + against),
            (neighbours, self.neighbours - self.text),
            (both, self.text),
            (negative, -against),
        ]


def _says_not(condition: Condition) -> Condition:
    """The negative vectors as neighbours would be: all at once, without an order."""
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
