"""Styles for IP-Adapters: only the attentions that decide how a picture looks read them."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from checkpoint_files import tiny_library
from command import lines, run
from phosphene.errors import GenerationError
from phosphene.generation import Reference, Request
from phosphene.generators.diffusers.generator import DiffusersGenerator
from phosphene.generators.diffusers.schedulers import scheduler
from pictures import drawn
from tiny_checkpoints import SIDE
from tiny_families import Folder, a_request, apart, bare, generator, pixels, references

pytestmark = pytest.mark.usefixtures("no_network")
# As diffusers names the blocks of InstantStyle.
BLOCKS = {"sd15": {"up": {"block_1": 1.0}}, "sdxl": {"up": {"block_0": [0.0, 1.0, 0.0]}}}
Open = Callable[[str], DiffusersGenerator]


@pytest.fixture(scope="module")
def opened(checkpoint: Folder) -> Open:
    return cache(lambda family: generator(checkpoint, family))


def styles_of(made: DiffusersGenerator, *seeds: int) -> tuple[Reference, ...]:
    assert made.image_encoder
    found = references(made.image_encoder, max(seeds) + 1)
    return tuple(found[seed] for seed in seeds)


def styled(made: DiffusersGenerator, *seeds: int, **changes: Any) -> Request:
    return a_request(made, num_inference_steps=2, styles=styles_of(made, *seeds), **changes)


@pytest.mark.parametrize("family", BLOCKS)
def test_a_style_alone_is_what_diffusers_makes_with_the_style_blocks(
    checkpoint: Folder, opened: Open, family: str
) -> None:
    made, pipeline = opened(family), bare(checkpoint, family)
    request = styled(made, 4, references=())
    pipeline.set_ip_adapter_scale(BLOCKS[family])
    pipeline.scheduler = scheduler(str(made.capabilities.options["scheduler"].default), pipeline.scheduler)
    vector = torch.from_numpy(request.styles[0].raw)[None, None]

    theirs = pipeline(
        request.prompt,
        negative_prompt=request.negative_prompt,
        ip_adapter_image_embeds=[torch.cat([torch.zeros_like(vector), vector])],
        num_inference_steps=2,
        guidance_scale=made.capabilities.guidance_scale,
        width=SIDE,
        height=SIDE,
        generator=torch.Generator().manual_seed(1),
    ).images[0]

    [ours] = pixels(made, request)
    [plain] = pixels(made, replace(request, styles=()))
    assert apart(ours, theirs) <= 1
    assert apart(ours, plain) > 1


@pytest.mark.parametrize("family", BLOCKS)
def test_neighbours_lead_all_other_blocks(opened: Open, family: str) -> None:
    made = opened(family)
    pixels(made, styled(made, 4, 5, closeness=0.9))

    network = made.checkpoint.components["unet"]
    scales = {
        name: np.round(processor.scale[0], 6).tolist()
        for name, processor in network.attn_processors.items()
        if hasattr(processor, "scale")
    }
    of_style = {name for name in scales if name.startswith(made.checkpoint.family.style_blocks)}
    assert 0 < len(of_style) < len(scales)
    for name, scale in scales.items():
        assert scale == ([0, 0, 0, 0.5, 0.5] if name in of_style else [0.3, 0.3, 0.3, 0, 0])


def test_without_a_style_a_later_picture_is_as_before(opened: Open) -> None:
    made = opened("sd15")
    plain = a_request(made, num_inference_steps=2)

    before, with_style, after = pixels(made, plain, styled(made, 4), plain)

    assert apart(before, after) == 0 and apart(before, with_style) > 1


def test_a_batch_with_styles_gives_what_single_requests_give(opened: Open) -> None:
    made = opened("sd15")
    requests = [replace(styled(made, 4, 5), seed=seed) for seed in (1, 2)]

    for together, request in zip(pixels(made, *requests), requests, strict=True):
        assert apart(together, pixels(made, request)[0]) <= 1


def test_other_families_refuse_the_vectors_of_styles(opened: Open) -> None:
    made = opened("unclip")
    with pytest.raises(GenerationError, match="`unclip` does not read the vectors of styles"):
        list(made.generate([styled(made, 4)]))


def test_a_style_comes_from_the_command_line_and_replays(checkpoint: Folder, tmp_path: Path) -> None:
    library = tiny_library(tmp_path, checkpoint("open_clip_folder"))
    drawn(7).save(tmp_path / "style.png")
    choice = ("--generator", checkpoint("sd15"), "--adapter", checkpoint("ip_adapter_sd15"))
    words = ("-L", library, "generate", "a dog", "-n", 1, "-k", 2, "--steps", 2, "--seed", 1, *choice)
    [plain] = lines(*words)

    for named in (tmp_path / "style.png", "a watercolour", plain["parents"][0]["id"]):
        [made] = lines(*words, "--style", named)
        recipe = lines("-L", library, "show", made["id"])[0]["recipe"]
        assert made["id"] != plain["id"] and len(recipe["style_vectors"]) == 1
        assert [each["id"] for each in made["parents"]] == [each["id"] for each in plain["parents"]]
        again = run("-L", library, "replay", made["id"], *choice, "--json")
        assert '"identical": true' in again.stdout, again.stderr
