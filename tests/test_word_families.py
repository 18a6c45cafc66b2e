"""The families that read words or whole pictures, with tiny checkpoints in their true formats."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import torch

import phosphene
from checkpoint_files import tiny_library
from phosphene.errors import GenerationError
from phosphene.generation import Mode, Request, Step
from phosphene.generators.diffusers.families import FAMILIES
from phosphene.generators.diffusers.generator import DiffusersGenerator
from phosphene.generators.diffusers.schedulers import scheduler
from phosphene.testing.generators import GeneratorTests
from tiny_checkpoints import SIDE
from tiny_families import Folder, a_request, apart, bare, generator, picture, pixels

BY_WORDS = ("sd-turbo", "sdxs", "sd3", "z-image", "chroma", "qwen-image", "flux2-klein", "qwen-image-edit")
BY_PICTURES = ("flux2-klein", "qwen-image-edit")
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
    near: dict[str, Any] = {"image": [picture(seed) for seed in range(3)]} if family in BY_PICTURES else {}
    pipeline = bare(checkpoint, family)
    if guidance is not None:
        near[made.checkpoint.family.guidance_argument] = guidance
    if family == "sdxs":  # whose own scheduler no family uses
        pipeline.scheduler = scheduler("euler-trailing", pipeline.scheduler)
    theirs = pipeline(
        prompt=request.prompt,
        **negative,
        **near,
        **made.checkpoint.family.arguments,
        num_inference_steps=3,
        width=SIDE,
        height=SIDE,
        generator=torch.Generator().manual_seed(1),
    ).images[0]
    rounding = 1 if family.startswith("qwen-image") else 0  # its pipeline divides by a reciprocal
    assert apart(ours, theirs) <= rounding


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


def test_qwen_changes_the_pictures_of_neighbours_and_needs_one(opened: Open) -> None:
    made = opened("qwen-image-edit")
    request = a_request(made)
    first, second, third = request.references

    all_three, fewer = pixels(made, request, replace(request, references=(first, third)))
    [left_out] = pixels(made, replace(request, references=(first, replace(second, weight=0.0), third)))

    assert apart(all_three, fewer) > 0
    assert apart(left_out, fewer) == 0
    for without in (replace(request, references=()), replace(request, lane="words")):
        with pytest.raises(GenerationError, match="changes pictures, and this request has none"):
            list(made.generate([without]))


@pytest.mark.parametrize("size", [(64, 20), (20, 64), (800, 70), (70, 800), (700, 8), (1, 1)])
def test_klein_reads_pictures_of_any_size(opened: Open, size: tuple[int, int]) -> None:
    made = opened("flux2-klein")
    near = replace(a_request(made).references[0], picture=lambda side: picture(1).resize(size))

    alone, without = pixels(
        made, *(a_request(made, references=each, num_inference_steps=1) for each in ((near,), ()))
    )

    assert apart(alone, without) > 0


# The tokens of the tiny T5 and Qwen are letters, so that a hundred words are as long as 400 real ones.
LONG = {
    "sd-turbo": 200,
    "sdxs": 200,
    "sd3": 100,
    "z-image": 80,
    "chroma": 100,
    "qwen-image": 80,
    "flux2-klein": 80,
    "qwen-image-edit": 80,
}


@pytest.mark.parametrize(("name", "times"), LONG.items())
def test_a_prompt_of_four_hundred_words_changes_with_its_last_word(
    opened: Open, name: str, times: int
) -> None:
    made = opened(name)
    paragraph = "a red tree " * times
    request = a_request(made, prompt=f"{paragraph} moon", negative_prompt="", num_inference_steps=2)

    moon, again, sun = pixels(made, request, request, replace(request, prompt=f"{paragraph} sun"))

    assert apart(moon, sun) > 0
    assert apart(moon, again) == 0


@pytest.mark.parametrize("name", ["sd3", "chroma"])
def test_a_long_negative_prompt_counts_and_a_batch_with_it_gives_the_same(opened: Open, name: str) -> None:
    made = opened(name)
    rain = "rain and wind " * 60
    request = a_request(made, negative_prompt=f"{rain} moon", num_inference_steps=2)

    first, second, other = pixels(
        made, request, replace(request, seed=2), replace(request, negative_prompt=f"{rain} sun")
    )

    assert apart(first, other) > 0
    assert apart(second, pixels(made, replace(request, seed=2))[0]) <= 1


@pytest.mark.parametrize("name", ["z-image", "qwen-image", "flux2-klein", "qwen-image-edit"])
def test_a_prompt_that_a_model_cannot_read_whole_is_refused(opened: Open, name: str) -> None:
    made = opened(name)
    with pytest.raises(GenerationError, match=r"tokens, but .* reads at most 1024"):
        list(made.generate([a_request(made), a_request(made, prompt="a red tree " * 120)]))


def test_a_stopped_call_keeps_what_is_finished_and_leaves_the_pipeline_usable(
    made: DiffusersGenerator,
) -> None:
    requests = [a_request(made, prompt=prompt) for prompt in ("first", "second", "third")]
    [before] = pixels(made, requests[1])

    finished = list(made.generate(requests, on_step=lambda step: step.share < 0.5))

    assert len(finished) == 1 and finished[0].picture().size == (SIDE, SIDE)
    assert apart(pixels(made, requests[1])[0], before) == 0


def test_a_recipe_makes_the_picture_again(
    checkpoint: Folder, made: DiffusersGenerator, family: str, tmp_path: Path
) -> None:
    with phosphene.open(tiny_library(tmp_path, checkpoint("open_clip_folder")), device="cpu") as library:
        library.generators.opened = made
        [image] = library.generate("a red house", 1, num_inference_steps=2)
        again = library.replay(image.image.id)

    assert image.image.recipe is not None and image.image.recipe["generator"] == family
    assert again.identical and again.same_weights
