"""Styles for generators that read vectors of styles by themselves, apart from the neighbours.

A style becomes one reference: the mean of the raw vectors of its pictures. What these show differs, so that
it mostly cancels out, and how they look remains.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phosphene.embedding import ImageEncoder
from phosphene.generation.requests import Reference
from phosphene.generation.style_vectors import Style
from phosphene.images import open_picture
from phosphene.recipes.bounds import Lane
from phosphene.recipes.lineage import rounded
from phosphene.records import Image
from phosphene.store import Store
from phosphene.vectors import Vector, unit

PRECISION = 4  # digits of a norm after the point, as recipes hold it
# From images, a vector (d,) that they are compared with, and a lane to references.
MakeReferences = Callable[[Sequence[Image[Vector]], Vector, Lane], tuple[Reference, ...]]


@dataclass(frozen=True, slots=True)
class StyleReferences:
    """Makes references of styles in a lane of vectors. The lane's `encoder` makes the vectors of files."""

    store: Store
    lane: Lane
    references: MakeReferences
    encoder: ImageEncoder

    def of(self, style: Style) -> Reference:
        """The mean of a style's pictures as a reference, as a recipe holds it."""
        if style.file:
            raw = [self._embedded(style.file)]
        else:
            images = self.store.get(list(style.ids), vectors=True)
            raw = [each.raw for each in self.references(images, style.vector, self.lane)]
        mean = np.mean(raw, axis=0)
        norm = round(float(np.linalg.norm(mean)), PRECISION)
        return Reference(style.prompt, rounded(unit(mean)), norm=norm)

    def _embedded(self, file: Path) -> Vector:
        """The raw vector (d,) of a file."""
        embedded = self.encoder.pictures([self.encoder.prepare(open_picture(file))])
        raw: Vector = embedded.vectors[0] * embedded.norms[0]
        return raw
