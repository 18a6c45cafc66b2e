"""Hands neighbours to a generator as references, in the lane that they take."""

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from warnings import warn

import numpy as np

from phosphene.embedding import ImageEncoder
from phosphene.errors import GenerationError, PassedOver, listed
from phosphene.generation.neighbours import NeighbourPictures
from phosphene.generation.requests import Reference
from phosphene.journal.kept_vectors import KeptVectors
from phosphene.recipes.bounds import Lane
from phosphene.records import Image
from phosphene.store import Store
from phosphene.vectors import Vector, unit


@dataclass(frozen=True, slots=True)
class References:
    """Makes references of the images of one library, for one generator.

    `encoder` is the generator's own. The vectors that it makes are `kept`, so that it sees a picture once.
    """

    store: Store
    folder: Path
    kept: KeptVectors
    encoder: ImageEncoder | None

    def of(
        self,
        images: Sequence[Image[Vector]],
        target: Vector,
        lane: Lane | None = None,
        from_thumbnails: Container[str] = (),
    ) -> tuple[Reference, ...]:
        """The images as a generator takes them in a lane, with their cosine to `target` (d,).

        In the lanes `embedded` and `pictures`, images without a picture are left out with a warning. Raises
        GenerationError if no picture is left. Of `from_thumbnails` only the thumbnails are used.
        """
        pictures = NeighbourPictures(self.store, self.folder, images, from_thumbnails)
        references = tuple(
            Reference(
                image.id,
                image.vector,
                norm=image.norm or None,
                similarity=float(image.vector @ target),
                picture=partial(pictures.open, image.id),
            )
            for image in images
        )
        if lane == "embedded":
            return _present(references, [self._embedded(each, pictures) for each in references])
        if lane == "pictures":
            return _present(references, [_with_picture(each, pictures) for each in references])
        return references

    def _embedded(self, reference: Reference, pictures: NeighbourPictures) -> Reference | None:
        """The reference with a vector of the encoder's space, or None if there is no picture to embed."""
        for from_thumbnail in pictures.sources(reference.id):
            raw = self._raw(reference.id, pictures, from_thumbnail)
            if raw is not None:
                norm = float(np.linalg.norm(raw))
                return replace(reference, vector=unit(raw), norm=norm, from_thumbnail=from_thumbnail)
        return None

    def _raw(self, id: str, pictures: NeighbourPictures, from_thumbnail: bool) -> Vector | None:
        """The encoder's output (d,) for a file or a thumbnail, kept or made now. None if that is gone.

        Pictures are embedded one by one. In a batch the last bits of a vector would depend on the others.
        """
        assert self.encoder is not None, "the lane is possible only with an encoder"
        space, name = self.encoder.space, f"{pictures.identity(id)}{' thumbnail' if from_thumbnail else ''}"
        kept = self.kept.get(name, space.id)
        if kept is not None and len(kept) == space.dimension:
            return kept
        picture = pictures.thumbnail(id) if from_thumbnail else pictures.file(id)
        if picture is None:
            return None
        made = self.encoder.pictures([self.encoder.prepare(picture)])
        raw: Vector = made.vectors[0] * made.norms[0]
        self.kept.keep(name, space.id, raw)
        return raw


def _with_picture(reference: Reference, pictures: NeighbourPictures) -> Reference | None:
    """The reference, if its file or its thumbnail can be opened."""
    if pictures.open(reference.id, None) is None:
        return None
    return replace(reference, from_thumbnail=not pictures.has_file(reference.id))


def _present(references: Sequence[Reference], found: Sequence[Reference | None]) -> tuple[Reference, ...]:
    """The references that have a picture. Warns of the others, and raises GenerationError if none has one."""
    present = tuple(each for each in found if each is not None)
    if references and not present:
        raise GenerationError(
            f"None of the {len(references)} neighbours has a picture left: their files and"
            " their thumbnails are gone.",
            hint="bring the files back, or use another lane with `--lane`",
        )
    if len(present) < len(references):
        left = {each.id for each in present}
        gone = listed(each.id for each in references if each.id not in left)
        sentence = f"The pictures of some neighbours are gone, so these do not lead: {gone}."
        warn(PassedOver(sentence), stacklevel=2)
    return present
