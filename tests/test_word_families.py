"""The families that read words or whole pictures, with tiny checkpoints in their true formats."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import pytest
import torch

from phosphene.errors import GenerationError
from phosphene.generation import Mode, Request, Step
from phosphene.generators.diffusers.families import FAMILIES
from phosphene.generators.diffusers.generator import DiffusersGenerator
from phosphene.generators.diffusers.schedulers import scheduler
from phosphene.testing.generators import GeneratorTests
from tiny_checkpoints import SIDE
from tiny_families import Folder, a_request, apart, bare, generator, picture, pixels

BY_WORDS = ("sd-turbo", "sdxs", "sd3", "z-image", "chroma", "flux2-klein")
EVERY_MODE = [(family, mode) for family in BY_WORDS for mode in sorted(FAMILIES[family].pipelines)]
Open = Callable[[str], DiffusersGenerator]

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture(scope="module")
def opened(checkpoint: Folder) -> Open:
    """A function that opens the generator of a family."""
    return cache(partial(generator, checkpoint))


@pytest.fixture(scope="module", params=BY_WORDS)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def made(opened: Open, family: str) -> DiffusersGenerator:
    return opened(family)


class TestConformance(GeneratorTests):
    @pytest.fixture
    def generator(self, made: DiffusersGenerator) -> DiffusersGenerator:
        return made


@pytest.mark.parametrize(("family_name", "mode"), EVERY_MODE)
def test_a_batch_gives_what_single_requests_give(opened: Open, family_name: str, mode: Mode) -> None:
    made = opened(family_name)
    requests = [a_request(made, mode, num_inference_steps=2, seed=seed) for seed in (1, 2, 3)]

    together = pixels(made, *requests)

    assert apart(together[0], together[1]) > 8
    for request, of_batch in zip(requests, together, strict=True):
        [alone] = pixels(made, request)
        assert apart(alone, of_batch) <= 1


def test_a_picture_is_the_one_of_the_bare_pipeline(
    checkpoint: Folder, made: DiffusersGenerator, family: str
) -> None:
    request = a_request(made)

    [ours] = pixels(made, request)

    guidance = made.capabilities.guidance_scale
    negative = {"negative_prompt": request.negative_prompt} if made.capabilities.negative_prompt else {}
    near = {"image": [picture(seed) for seed in range(3)]} if family == "flux2-klein" else {}
    pipeline = bare(checkpoint, family)
    if family == "sdxs":  # whose own scheduler no family uses
        pipeline.scheduler = scheduler("euler-trailing", pipeline.scheduler)
    theirs = pipeline(
        prompt=request.prompt,
        **negative,
        **near,
        **made.checkpoint.family.arguments if guidance is None else {"guidance_scale": guidance},
        num_inference_steps=3,
        width=SIDE,
        height=SIDE,
        generator=torch.Generator().manual_seed(1),
    ).images[0]
    assert apart(ours, theirs) == 0


def test_the_last_preview_is_the_picture(made: DiffusersGenerator) -> None:
    previews: list[Any] = []

    def keep_last(step: Step) -> None:
        if step.index == step.total:
            previews.extend(step.preview())

    [result] = made.generate([a_request(made)], on_step=keep_last)

    assert apart(previews[-1], result.picture()) <= 1


def test_klein_follows_the_pictures_of_neighbours(opened: Open) -> None:
    made = opened("flux2-klein")
    request = a_request(made)
    first, second, third = request.references

    def with_references(*references: Any) -> Request:
        return replace(request, references=references)

    near, fewer, none = pixels(made, request, with_references(first, third), with_references())
    left_out, other_lane = pixels(
        made, with_references(first, replace(second, weight=0.0), third), replace(request, lane="words")
    )

    assert apart(near, none) > 0 and apart(near, fewer) > 0
    assert apart(left_out, fewer) == 0
    assert apart(other_lane, none) == 0


@pytest.mark.parametrize("name", ["sd3", "z-image"])
def test_a_long_prompt_changes_with_its_last_word_and_one_too_long_is_refused(
    opened: Open, name: str
) -> None:
    """The tokens of the tiny checkpoints are letters, so that a hundred words are as long as real ones."""
    made = opened(name)
    paragraph = "a red tree " * 40  # 440 letters
    request = a_request(made, prompt=f"{paragraph} moon", negative_prompt="")

    moon, sun = pixels(made, request, replace(request, prompt=f"{paragraph} sun"))

    assert apart(moon, sun) > 0
    with pytest.raises(GenerationError, match=r"tokens, but .* reads at most"):
        list(made.generate([request, replace(request, prompt=paragraph * 3)]))
