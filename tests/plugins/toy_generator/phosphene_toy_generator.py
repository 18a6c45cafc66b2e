"""A toy generator that reads only words: each word is a stripe of its own colour."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.Image import Image as Picture

from phosphene.generation import Capabilities, Generated, OnStep, Option, Request, Step
from phosphene.generation.checks import completed
from phosphene.records import Space


class Stripes:
    """Reads no vectors and no pictures. The seed shifts the stripes."""

    capabilities = Capabilities(
        name="toy/stripes",
        weights=hashlib.sha256(b"stripes 1").hexdigest(),
        reads=frozenset({"words"}),
        size=(64, 48),
        multiple=16,
        sides=(16, 128),
        num_inference_steps=2,
        candidates=2,
        options={
            "contrast": Option(1.0, "How far the colours are from grey.", exclusive_minimum=0, maximum=1),
            "upright": Option(True, "Whether the stripes are vertical."),
            "tint": Option("", "A word that changes every colour."),
        },
        licence="Apache-2.0",
    )

    image_encoder = None

    def generate(self, requests: Sequence[Request], *, on_step: OnStep | None = None) -> Iterator[Generated]:
        """Draw one picture for each request. All requests are checked before the first is drawn."""
        checked = [completed(request, self.capabilities) for request in requests]
        for number, request in enumerate(checked):
            draw = partial(stripes, request)
            for step in steps(request.num_inference_steps or 1, number, len(checked), draw):
                if on_step and on_step(step) is False:
                    return
            yield Generated(draw, request.options)


def steps(total: int, number: int, requests: int, draw: partial[Picture]) -> Iterator[Step]:
    """The progress of one of several requests."""
    for index in range(1, total + 1):
        done = (number + index / total) / requests
        yield Step(index, total, sigma=1 - index / total, share=done, preview=lambda: [draw()])


def stripes(request: Request) -> Picture:
    """The picture of a request."""
    words = [*request.prompt.split(), *(f"not {word}" for word in request.negative_prompt.split())]
    colours = np.array([colour(word, request) for word in words])
    width, height = request.size or (64, 48)
    length = width if request.options["upright"] else height
    which = (np.arange(length) + request.seed) * len(words) // length % len(words)
    line = colours[which] if request.options["upright"] else colours[which][:, None]
    return Image.fromarray(np.ascontiguousarray(np.broadcast_to(line, (height, width, 3)), dtype=np.uint8))


def colour(word: str, request: Request) -> list[float]:
    """The red, green and blue of a word, from 0 to 255."""
    digest = hashlib.sha256(f"{word}{request.options['tint']}".encode()).digest()
    return [128 + (value - 128) * float(request.options["contrast"]) for value in digest[:3]]


def open_stripes(checkpoint: str, *, folder: Path, space: Space, device: str) -> Stripes:
    """Open the generator. The entry point names this function."""
    return Stripes()
