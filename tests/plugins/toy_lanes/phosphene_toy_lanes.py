"""Toy generators, one for each lane that neighbours can take into a generator.

`mosaic` reads vectors of the toy embedder and brings that embedder, `mosaic-alone` reads them and does not
bring it, `collage` takes a list of pictures, and `wash` paints over a picture.
"""

import hashlib
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from phosphene_toy_embedder import ToyEmbedder
from PIL import Image
from PIL.Image import Image as Picture

from phosphene.embedding import ImageEncoder
from phosphene.generation import Capabilities, Generated, OnStep, Reads, Reference, Request, Step
from phosphene.generation.checks import completed
from phosphene.generation.fitting import fitted
from phosphene.records import Space

SIZE = (64, 48)
Colours = NDArray[np.float64]  # (height, width, 3), from 0 to 255


@dataclass(frozen=True, slots=True)
class Painter:
    """A generator that mixes the colour of the prompt with what the references look like."""

    capabilities: Capabilities
    image_encoder: ImageEncoder | None = None

    def generate(self, requests: Sequence[Request], *, on_step: OnStep | None = None) -> Iterator[Generated]:
        """Paint one picture for each request, in one step."""
        checked = [completed(request, self.capabilities) for request in requests]
        for number, request in enumerate(checked, start=1):
            paint = partial(painted, request, self.capabilities.reads)
            step = Step(1, 1, sigma=0.0, share=number / len(checked), preview=partial(_alone, paint))
            if on_step and on_step(step) is False:
                return
            yield Generated(paint)


def painted(request: Request, reads: Container[Reads]) -> Picture:
    """The picture of a request: noise in the colour of its words, an init image, and its references."""
    size = request.size or SIZE
    digest = hashlib.sha256(f"{request.prompt} {request.negative_prompt}".encode()).digest()
    noise = np.random.default_rng(request.seed).normal(0, 20, (size[1], size[0], 3))
    colours = np.frombuffer(digest[:3], np.uint8) + noise
    if request.init is not None and request.strength is not None:
        before = pixels(fitted(request.init, size, request.fit))
        colours = before + request.strength * (colours - before)
    seen = [(each.weight, looks(each, reads, size)) for each in request.references if each.weight]
    if seen:
        mean = np.average([look for _, look in seen], axis=0, weights=[weight for weight, _ in seen])
        colours = colours + (request.closeness or 0) * (mean - colours)
    return Image.fromarray(colours.clip(0, 255).astype(np.uint8))


def looks(reference: Reference, reads: Container[Reads], size: tuple[int, int]) -> Colours:
    """What a reference looks like at a size: its picture, or what its vector says of it."""
    if "pictures" in reads:
        picture = reference.picture(None)
        assert picture is not None, "references without pictures are left out"
    else:
        picture = Image.fromarray(reference.raw.reshape(4, 4, 3).clip(0, 255).astype(np.uint8))
    return pixels(picture.resize(size))


def pixels(picture: Picture) -> Colours:
    """The colours of a picture."""
    return np.asarray(picture.convert("RGB"), dtype=np.float64)


def capabilities(name: str, *reads: Reads, fetch: str = "") -> Capabilities:
    """The capabilities of the generator of this name."""
    vectors = "vectors" in reads
    return Capabilities(
        name=f"toy/{name}",
        weights=hashlib.sha256(name.encode()).hexdigest(),
        reads=frozenset(reads),
        size=SIZE,
        space=ToyEmbedder.space.id if vectors else None,
        dimension=ToyEmbedder.space.dimension if vectors else None,
        max_references=8 if len(reads) > 1 else 0,
        modes=frozenset({"text-to-image", "image-to-image"}),
        sides=(16, 128),
        num_inference_steps=1,
        closeness=0.6 if len(reads) > 1 else None,
        fetch=fetch,
    )


def open_mosaic(checkpoint: str, *, folder: Path, space: Space, device: str) -> Painter:
    """Open `mosaic`."""
    return Painter(capabilities("mosaic", "words", "vectors"), ToyEmbedder())


def open_mosaic_alone(checkpoint: str, *, folder: Path, space: Space, device: str) -> Painter:
    """Open `mosaic-alone`."""
    return Painter(capabilities("mosaic", "words", "vectors", fetch="phosphene models fetch toy"))


def open_collage(checkpoint: str, *, folder: Path, space: Space, device: str) -> Painter:
    """Open `collage`."""
    return Painter(capabilities("collage", "words", "pictures"))


def open_wash(checkpoint: str, *, folder: Path, space: Space, device: str) -> Painter:
    """Open `wash`."""
    return Painter(capabilities("wash", "words"))


def _alone(paint: partial[Picture]) -> list[Picture]:
    return [paint()]
