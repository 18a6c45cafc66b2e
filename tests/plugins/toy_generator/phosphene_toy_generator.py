"""A toy generator that reads only words: every word is a stripe of its own colour."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from phosphene.generation import Capabilities, Generated, OnStep, Option, Request, Step
from phosphene.generation.checks import completed
from phosphene.records import Space


class Stripes:
    """Speaks no vectors. The seed shifts the stripes."""

    capabilities = Capabilities(
        name="toy/stripes",
        weights=hashlib.sha256(b"stripes 1").hexdigest(),
        lanes=frozenset({"words"}),
        size=(64, 48),
        multiple=16,
        sides=(16, 128),
        num_inference_steps=2,
        candidates=2,
        options={
            "contrast": Option(1.0, "Of the colours.", exclusive_minimum=0, maximum=1),
            "upright": Option(True, "Whether stripes stand."),
            "tint": Option("", "A word that colours everything."),
        },
        licence="Apache-2.0",
    )

    def generate(self, requests: Sequence[Request], *, on_step: OnStep | None = None) -> Iterator[Generated]:
        """Draw a picture per request."""
        whole = [completed(request, self.capabilities) for request in requests]
        for place, request in enumerate(whole):
            draw = partial(drawn, request)
            for index in range(1, (request.num_inference_steps or 1) + 1):
                share = (place + index / (request.num_inference_steps or 1)) / len(whole)
                step = Step(
                    index, request.num_inference_steps or 1, 1 - share, share, lambda draw=draw: [draw()]
                )
                if on_step and on_step(step) is False:
                    return
            yield Generated(draw, request.options)


def drawn(request: Request) -> Image.Image:
    """The stripes of a request."""
    assert request.size is not None
    options = request.options
    words = [*request.prompt.split(), *[f"not {word}" for word in request.negative_prompt.split()]]
    colours = np.array(
        [[*hashlib.sha256(f"{word}{options['tint']}".encode()).digest()[:3]] for word in words]
    )
    width, height = request.size
    along = np.arange(width if options["upright"] else height)
    chosen = colours[(along + request.seed) * len(words) // len(along) % len(words)]
    line = 128 + (chosen - 128) * float(options["contrast"])
    shape = (height, width, 3)
    pixels = np.broadcast_to(line if options["upright"] else line[:, None], shape)
    return Image.fromarray(np.ascontiguousarray(pixels.astype(np.uint8)))


def open_stripes(checkpoint: str, *, folder: Path, space: Space, device: str) -> Stripes:
    """Open the generator: the entry point that phosphene calls."""
    return Stripes()
