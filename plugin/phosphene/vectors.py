"""The arithmetic of unit vectors, in numpy alone, without pictures and models."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from phosphene.errors import VectorError

Vector = NDArray[np.float32]  # shape (d,)
Vectors = NDArray[np.float32]  # shape (n, d)
NEGATIVE_SHARE = 0.2  # the weight of negatives, where the target has 1; bench/negative.py measures it
Patches = NDArray[np.float32]  # shape (rows, columns, d)
Pixels = NDArray[np.uint8]  # shape (height, width, 3), sRGB


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """Scale each vector (last axis) to length one.

    Raises VectorError if one is zero or not finite, because it has no direction.
    """
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if not np.all(np.isfinite(norms)) or np.any(norms == 0):
        raise VectorError("A vector has no direction, because its length is zero or not finite.")
    return np.asarray(vectors / norms, dtype=np.float32)


def blend(vectors: Vectors, weights: Sequence[float]) -> Vector:
    """The unit vector along the weighted sum of `vectors` (n, d); weights may be negative.

    Raises VectorError if the sum vanishes.
    """
    total = np.asarray(weights, dtype=np.float64) @ np.asarray(vectors, dtype=np.float64)
    if float(np.linalg.norm(total)) < 1e-6:
        raise VectorError("The parts cancel each other out, so that their weighted sum has no direction.")
    return unit(total)


def steer_away(target: Vector, negatives: Sequence[Vector]) -> Vector:
    """The unit vector that ranks images by their similarity to `target` less a share of that to `negatives`.

    This is Rocchio's relevance feedback (1971). The weight of n negatives grows with √n and not with n,
    because many of them would otherwise outweigh the target.
    """
    avoided = np.sum(negatives, axis=0) / np.sqrt(len(negatives))
    return unit(target - NEGATIVE_SHARE * avoided)


def slerp(start: Vector, end: Vector, t: float) -> Vector:
    """The point on the great circle from `start` (t=0) to `end` (t=1). All three are unit vectors.

    Raises VectorError if the ends are opposite, because every great circle joins them.
    Shoemake 1985, "Animating rotation with quaternion curves".
    """
    angle = float(np.arccos(np.clip(start.astype(np.float64) @ end, -1.0, 1.0)))  # radians
    if np.pi - angle < 1e-4:
        raise VectorError("The two ends are opposite, so that every great circle joins them.")
    if angle < 1e-4:
        return unit((1 - t) * start + t * end)
    return unit((np.sin((1 - t) * angle) * start + np.sin(t * angle) * end) / np.sin(angle))


def principal_axes(vectors: Vectors, count: int = 2) -> tuple[Vector, Vectors]:
    """The mean (d,) and the `count` axes (count, d) of most variance (PCA; Pearson 1901).

    The largest entry of an axis decides its sign, so that a map never flips.
    """
    mean = vectors.mean(axis=0, dtype=np.float64)
    centred = vectors - mean
    _, axes = np.linalg.eigh(centred.T @ centred)
    chosen = axes[:, ::-1][:, :count].T
    signs = np.sign(chosen[np.arange(len(chosen)), np.abs(chosen).argmax(axis=1)])
    return mean.astype(np.float32), np.asarray(chosen * signs[:, None], dtype=np.float32)
