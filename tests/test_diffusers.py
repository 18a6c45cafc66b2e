"""Pretrained families of diffusers behind the Generator seam, with tiny checkpoints in their true formats."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL.Image import Image as Picture

import phosphene
from phosphene.embedding import ImageEncoder
from phosphene.generation import Mode, Request, Step
from phosphene.generators.diffusers import conditioning
from phosphene.generators.diffusers.families import FAMILIES
from phosphene.generators.diffusers.generator import DiffusersGenerator
from phosphene.generators.diffusers.schedulers import scheduler
from phosphene.testing.generators import GeneratorTests
from tiny_checkpoints import MEAN, SIDE, STD, tiny_vae
from tiny_families import (
    ADAPTERS,
    Folder,
    a_request,
    apart,
    bare,
    clip_folder,
    clip_vision,
    generator,
    open_clip,
    picture,
    pixels,
    references,
)

BY_VECTORS = ("sd15", "sdxl", "kandinsky22", "unclip", "flux1", "lcm")
EVERY_MODE = [(family, mode) for family in BY_VECTORS for mode in sorted(FAMILIES[family].pipelines)]
Open = Callable[..., DiffusersGenerator]

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture(scope="module")
def opened(checkpoint: Folder) -> Open:
    """A function that opens the generator of a family, with its adapter if it has one."""
    return cache(lambda family, adapter=True: generator(checkpoint, family, adapter=adapter))


@pytest.fixture(scope="module", params=BY_VECTORS)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def made(opened: Open, family: str) -> DiffusersGenerator:
    return opened(family)


@pytest.fixture
def request_of(made: DiffusersGenerator) -> Request:
    """A request with three neighbours."""
    return a_request(made)


class TestConformance(GeneratorTests):
    @pytest.fixture
    def generator(self, made: DiffusersGenerator) -> DiffusersGenerator:
        return made


@pytest.mark.parametrize(("family_name", "mode"), EVERY_MODE)
def test_a_batch_gives_what_single_requests_give(opened: Open, family_name: str, mode: Mode) -> None:
    made = opened(family_name)
    requests = [replace(a_request(made, mode), num_inference_steps=2, seed=seed) for seed in (1, 2, 3)]

    together = pixels(made, *requests)

    assert apart(together[0], together[1]) > 8
    for request, of_batch in zip(requests, together, strict=True):
        [alone] = pixels(made, request)
        assert apart(alone, of_batch) <= 1


def test_a_picture_is_the_one_of_the_bare_pipeline(checkpoint: Folder, opened: Open) -> None:
    """The words, the scheduler and the decoder are those of diffusers, where it does nothing wrong."""
    made = opened("sdxl", adapter=False)
    request = replace(a_request(made), references=())

    [ours] = pixels(made, request)

    theirs = bare(checkpoint, "sdxl", adapter=False)(
        request.prompt,
        negative_prompt=request.negative_prompt,
        num_inference_steps=3,
        guidance_scale=made.capabilities.guidance_scale,
        width=SIDE,
        height=SIDE,
        generator=torch.Generator().manual_seed(1),
    ).images[0]
    assert apart(ours, theirs) == 0


def test_neighbours_change_the_picture_and_closeness_says_how_much(
    made: DiffusersGenerator, request_of: Request
) -> None:
    plain, near, nearer = pixels(
        made, *(replace(request_of, closeness=closeness) for closeness in (0.0, 0.3, 1.0))
    )

    assert 0 < np.abs(near - plain).mean() < np.abs(nearer - plain).mean()


def test_no_neighbours_with_an_adapter_are_like_no_adapter(
    opened: Open, family: str, made: DiffusersGenerator, request_of: Request
) -> None:
    if family not in ADAPTERS:
        pytest.skip("has no adapter")
    without = replace(request_of, references=())

    [plain] = pixels(opened(family, adapter=False), without)

    assert apart(pixels(made, without)[0], plain) == 0
    assert apart(pixels(made, replace(request_of, closeness=0.0))[0], plain) == 0
    assert apart(pixels(made, replace(request_of, lane="words"))[0], plain) == 0


def test_a_neighbour_of_weight_zero_is_left_out(made: DiffusersGenerator, request_of: Request) -> None:
    first, second, third = request_of.references

    [left_out] = pixels(made, replace(request_of, references=(first, replace(second, weight=0.0), third)))

    assert apart(left_out, pixels(made, replace(request_of, references=(first, third)))[0]) == 0
    assert apart(left_out, pixels(made, request_of)[0]) > 0


@pytest.mark.parametrize("given", [(1.0, 1.0, 1.0), (3.0, 2.0, 1.0)])
def test_the_order_of_neighbours_does_not_matter(
    made: DiffusersGenerator, request_of: Request, given: tuple[float, ...]
) -> None:
    near = tuple(
        replace(each, weight=weight) for each, weight in zip(request_of.references, given, strict=True)
    )

    [forwards], [backwards] = (
        pixels(made, replace(request_of, references=order)) for order in (near, near[::-1])
    )

    assert apart(forwards, backwards) <= 1


def test_a_heavier_neighbour_counts_more(made: DiffusersGenerator, request_of: Request) -> None:
    first, second, _ = request_of.references

    def with_weights(*weights: float) -> NDArray[np.int16]:
        near = tuple(replace(each, weight=w) for each, w in zip((first, second), weights, strict=True))
        return pixels(made, replace(request_of, references=near))[0]

    [alone] = pixels(made, replace(request_of, references=(first,)))
    mostly, little = with_weights(9.0, 1.0), with_weights(1.0, 9.0)
    assert np.abs(mostly - alone).mean() < np.abs(little - alone).mean()


def test_a_stopped_call_keeps_what_is_finished_and_leaves_the_pipeline_usable(
    made: DiffusersGenerator, request_of: Request
) -> None:
    requests = [replace(request_of, prompt=prompt) for prompt in ("first", "second", "third")]
    [before] = pixels(made, requests[1])

    steps: list[int] = []

    def stop_in_the_second(step: Step) -> bool:
        steps.append(step.index)
        return step.share < 0.5

    finished = list(made.generate(requests, on_step=stop_in_the_second))

    assert len(finished) == 1 and steps == [1, 2, 3, 1, 2]
    assert finished[0].picture().size == (SIDE, SIDE)
    assert apart(pixels(made, requests[1])[0], before) == 0


def test_the_last_preview_is_the_picture(made: DiffusersGenerator, request_of: Request) -> None:
    for name in made.capabilities.options["scheduler"].choices:
        previews: list[Picture] = []
        asked = replace(request_of, options={"scheduler": name})
        [result] = made.generate([asked], on_step=partial(_keep_last_preview, previews))
        assert result.settings["scheduler"] == name
        if name != "ddim":  # the configs of many checkpoints let it end a little before the clean picture
            assert apart(previews[-1], result.picture()) <= 1, name


def _keep_last_preview(previews: list[Picture], step: Step) -> None:
    if step.index == step.total:
        previews += step.preview()


def test_pixels_outside_of_a_mask_stay_as_they_are(made: DiffusersGenerator) -> None:
    if "inpainting" not in made.capabilities.modes:
        pytest.skip("cannot inpaint")
    request = a_request(made, "inpainting")
    assert request.init is not None and request.mask is not None

    [painted] = pixels(made, request)

    kept = np.asarray(request.mask) == 0
    original = np.asarray(request.init, dtype=np.int16)
    assert (painted[kept] == original[kept]).all()
    assert np.abs(painted - original)[~kept].mean() > 8


def test_a_size_of_other_proportions(made: DiffusersGenerator, request_of: Request) -> None:
    weighted = [replace(each, weight=place + 1.0) for place, each in enumerate(request_of.references)]

    [result] = made.generate([replace(request_of, size=(128, 64), references=tuple(weighted))])

    assert result.picture().size == (128, 64)


def test_a_stored_vector_is_what_the_familys_own_encoder_makes_of_the_pixels(
    checkpoint: Folder, made: DiffusersGenerator, family: str
) -> None:
    encoder = open_clip(checkpoint, family)
    stored = conditioning.raw(made.checkpoint, list(references(encoder, 3)))

    own = clip_vision(encoder_folder(checkpoint, family))(torch.cat([tensor(encoder, n) for n in range(3)]))

    assert torch.linalg.norm(stored - own.image_embeds) < 1e-4 * torch.linalg.norm(own.image_embeds)


def test_a_stored_vector_makes_the_picture_that_pixels_make_in_the_bare_pipeline(
    checkpoint: Folder, made: DiffusersGenerator, family: str
) -> None:
    encoder = open_clip(checkpoint, family)
    request = a_request(made, references=references(encoder, 1), negative_prompt="", closeness=1.0)

    [ours] = pixels(made, request)

    pipeline = bare(checkpoint, family)
    pipeline.scheduler = scheduler(str(made.capabilities.options["scheduler"].default), pipeline.scheduler)
    vision = clip_vision(encoder_folder(checkpoint, family))
    theirs = pipeline(
        **by_pixels(pipeline, family, vision, tensor(encoder, 0)),
        **{"prompt": request.prompt} if "words" in made.capabilities.reads else {},
        num_inference_steps=3,
        guidance_scale=made.capabilities.guidance_scale,
        width=SIDE,
        height=SIDE,
        generator=torch.Generator().manual_seed(1),
    ).images[0]
    assert apart(ours, theirs) <= 1


def encoder_folder(checkpoint: Folder, family: str) -> Path:
    """Where the family's image encoder lies: beside its adapter, or among its components."""
    if family not in ADAPTERS:
        return checkpoint(family) / "image_encoder"
    return checkpoint(ADAPTERS[family]).parent / "image_encoder"


def tensor(encoder: ImageEncoder, seed: int) -> torch.Tensor:
    """A picture as the input of CLIP, at the size that our encoder gives it."""
    grey = torch.from_numpy(encoder.prepare(picture(seed)).copy()).permute(2, 0, 1)[None] / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (grey - mean) / std


def by_pixels(pipeline: Any, family: str, vision: Any, image: torch.Tensor) -> dict[str, Any]:
    """The arguments by which a bare pipeline follows a picture."""
    if family == "kandinsky22":  # another pipeline embeds its pictures
        embeds = (vision(each).image_embeds.detach() for each in (image, torch.zeros_like(image)))
        return dict(zip(("image_embeds", "negative_image_embeds"), embeds, strict=True))
    if family == "unclip":
        return {"image": image, "noise_level": 0}
    pipeline.register_modules(image_encoder=vision)
    pipeline.set_ip_adapter_scale(1.0)
    negative = {"negative_ip_adapter_image": [image]} if family == "flux1" else {}
    return {"ip_adapter_image": [image], **negative}


def test_a_prompt_of_four_hundred_words_changes_with_its_last_word(
    made: DiffusersGenerator, request_of: Request
) -> None:
    if "words" not in made.capabilities.reads:
        pytest.skip("reads no words")
    words = " ".join(f"{colour} tree," for colour in ("red", "green", "blue", "grey") * 50)
    asked = replace(request_of, references=(), negative_prompt="", prompt=f"{words} moon")

    changed = [replace(asked, prompt=f"{words} sun"), replace(asked, prompt=f"{words} moon", seed=1)]
    if made.capabilities.negative_prompt:
        negative = replace(asked, negative_prompt=f"{words} moon")
        assert apart(*pixels(made, negative, replace(negative, negative_prompt=f"{words} sun"))) > 0

    first, other, same = pixels(made, asked, *changed)
    assert apart(first, other) > 0
    assert apart(first, same) == 0


def test_a_recipe_makes_the_picture_again(
    checkpoint: Folder, made: DiffusersGenerator, family: str, tmp_path: Path
) -> None:
    for seed in range(4):
        picture(seed).save(tmp_path / f"{seed}.png")
    with phosphene.open(
        tmp_path / "library", model=f"local-dir:{clip_folder(checkpoint, family)}", create=True
    ) as library:
        library.add(tmp_path)
        library.generators.opened = made
        options = {"scheduler": made.capabilities.options["scheduler"].choices[-1]}

        [image] = library.generate(
            "a red house", 1, neighbours=2, num_inference_steps=2, closeness=0.3, options=options
        )
        again = library.replay(image.image.id)

    assert image.image.recipe is not None
    assert image.image.recipe["generator"] == family
    assert image.image.recipe["settings"] == {**options, "decoder": "vae"}
    assert len(image.image.parents) == 2
    assert again.identical and again.same_weights


@pytest.mark.parametrize(("family_name", "channels"), [("sd15", 4), ("flux1", 16)])
def test_taesd_draws_previews_and_on_a_cpu_the_pictures_too(
    opened: Open, family_name: str, channels: int
) -> None:
    plain = opened(family_name)
    made = DiffusersGenerator(replace(plain.checkpoint, tiny_vae=tiny_vae(channels)))
    steps: list[Picture] = []
    request = a_request(made)

    [fast] = made.generate([request], on_step=partial(_keep_last_preview, steps))
    [exact] = made.generate([replace(request, options={"decoder": "vae"})])

    assert (fast.settings["decoder"], exact.settings["decoder"]) == ("taesd", "vae")
    assert apart(fast.picture(), steps[-1]) <= 1
    assert apart(exact.picture(), pixels(plain, request)[0]) == 0
    assert apart(exact.picture(), fast.picture()) > 8


def test_the_seeds_of_other_rows_do_not_matter_where_steps_add_noise(opened: Open) -> None:
    made = opened("sd15")
    options = {"scheduler": "euler-a"}
    requests = [a_request(made, seed=seed, options=options, num_inference_steps=2) for seed in (1, 2)]

    together = pixels(made, *requests)

    for request, of_batch in zip(requests, together, strict=True):
        assert apart(pixels(made, request)[0], of_batch) <= 1
