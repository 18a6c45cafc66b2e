"""Batches of requests that differ only in their seeds.

A batch repeats everything as rows: the prompt, the pictures and the vectors. diffusers' own way to make
several pictures, `num_images_per_prompt`, gives other pictures than single calls in many pipelines: those for
inpainting encode the picture with the first seed only.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch

from phosphene.errors import GenerationError
from phosphene.generation import Request


@dataclass(frozen=True, slots=True)
class RequestBatch:
    """Requests that are alike but for their seeds and the numbers of their tries."""

    requests: Sequence[Request]

    def __len__(self) -> int:
        return len(self.requests)

    @property
    def request(self) -> Request:
        """What all requests have in common."""
        return self.requests[0]

    @property
    def seeds(self) -> list[int]:
        """The seed of each row."""
        return [request.seed for request in self.requests]


def batches(requests: Sequence[Request], size: int) -> Iterator[RequestBatch]:
    """The requests in order, in batches of at most `size`."""
    for _, group in groupby(requests, key=batch_key):
        alike = list(group)
        for start in range(0, len(alike), size):
            yield RequestBatch(alike[start : start + size])


def smaller(size: int, error: torch.OutOfMemoryError) -> int:
    """The size of a batch after one of this size has not fitted into memory.

    A batch gives what single requests give, so that the pictures stay the same. Raises GenerationError if
    even one picture does not fit.
    """
    if size == 1:
        raise GenerationError(
            "The memory of the GPU is not enough for one picture.",
            hint="ask for smaller ones with `--size`, or close what else uses the GPU",
        ) from error
    return size // 2


def batch_key(request: Request) -> Hashable:
    """What the requests of one batch share. Pictures are the same only if they are the same objects."""
    return (
        (request.prompt, request.negative_prompt),
        *(
            tuple((each.id, each.vector.tobytes(), each.norm, each.weight) for each in references)
            for references in (request.references, request.styles)
        ),
        (request.lane, request.closeness),
        (id(request.init), id(request.mask), request.fit, request.strength, request.size),
        (request.num_inference_steps, request.guidance_scale),
        tuple(sorted(request.options.items())),
    )
