"""When memory runs out, a batch is made in smaller ones, and the pictures stay the same."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from phosphene.errors import GenerationError
from phosphene.generation import Step
from phosphene.generators.diffusers.generator import DiffusersGenerator
from tiny_families import Folder, a_request, apart, generator, pixels

pytestmark = pytest.mark.usefixtures("no_network")
GUIDED = 2  # rows of the network for each picture


@pytest.fixture(scope="module")
def made(checkpoint: Folder) -> DiffusersGenerator:
    return generator(checkpoint, "sd15")


class Memory:
    """The memory of a GPU, which a network fills if it gets too many pictures at once."""

    def __init__(self, pictures: int) -> None:
        self.pictures = pictures
        self.seen: list[int] = []

    def __call__(self, network: Any, arguments: tuple[Any, ...]) -> None:
        pictures = len(arguments[0]) // GUIDED
        self.seen.append(pictures)
        if pictures > self.pictures:
            raise torch.OutOfMemoryError("CUDA out of memory.")


@pytest.fixture
def memory(made: DiffusersGenerator) -> Iterator[Memory]:
    """Room for one picture."""
    memory = Memory(1)
    hook = made.checkpoint.components["unet"].register_forward_pre_hook(memory)
    made.batch_size = 4
    yield memory
    hook.remove()


def test_a_batch_that_does_not_fit_is_halved_until_it_does(made: DiffusersGenerator, memory: Memory) -> None:
    requests = [replace(a_request(made), num_inference_steps=2, seed=seed) for seed in (1, 2, 3, 4)]
    shares: list[float] = []

    def note(step: Step) -> None:
        shares.append(step.share)

    together = [each.picture() for each in made.generate(requests, on_step=note)]

    assert memory.seen == [4, 2, *[1] * 8]
    assert shares == sorted(shares) and shares[-1] == 1
    assert made.batch_size == 1
    for picture, request in zip(together, requests, strict=True):
        assert apart(picture, pixels(made, request)[0]) == 0


def test_one_picture_that_does_not_fit_is_an_error_and_leaves_the_pipeline_usable(
    made: DiffusersGenerator, memory: Memory
) -> None:
    request = replace(a_request(made), num_inference_steps=2)
    [before] = pixels(made, request)
    memory.pictures = 0

    with pytest.raises(GenerationError, match="memory of the GPU is not enough for one picture"):
        list(made.generate([request]))

    memory.pictures = 1
    assert apart(pixels(made, request)[0], before) == 0
