"""Prompts as the families read them: weights, chunks, and what diffusers itself makes of short ones."""

import pytest
import torch

from phosphene.generation import TokenCount
from phosphene.generators.diffusers import prompts
from phosphene.generators.diffusers.checkpoint import Checkpoint
from phosphene.generators.diffusers.prompt_weights import fragments
from phosphene.generators.diffusers.prompts import CHUNK, chunks, count_tokens
from tiny_families import Folder, bare, generator


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("a house", [("a house", 1.0)]),
        ("a (red:1.3) house", [("a ", 1.0), ("red", 1.3), (" house", 1.0)]),
        ("a (red) house", [("a ", 1.0), ("red", 1.1), (" house", 1.0)]),
        ("a [red] house", [("a ", 1.0), ("red", 1 / 1.1), (" house", 1.0)]),
        ("((red))", [("red", 1.1 * 1.1)]),
        ("(a (red:2) house:0.5)", [("a ", 0.5), ("red", 1.0), (" house", 0.5)]),
        ("(red:.5)", [("red", 0.5)]),
        (r"a \(small\) house", [("a (small) house", 1.0)]),
        ("12:30 at night", [("12:30 at night", 1.0)]),
        ("smile :) and (never closed", [("smile :) and (never closed", 1.0)]),
        ("(mixed]", [("(mixed]", 1.0)]),
        ("", []),
    ],
)
def test_weights_are_read_as_in_the_web_ui(prompt: str, parts: list[tuple[str, float]]) -> None:
    found = fragments(prompt)

    assert [part.text for part in found] == [text for text, _ in parts]
    assert [part.weight for part in found] == pytest.approx([weight for _, weight in parts])


@pytest.fixture(scope="module")
def sd15(checkpoint: Folder) -> Checkpoint:
    return generator(checkpoint, "sd15", adapter=False).checkpoint


@torch.no_grad()
@pytest.mark.parametrize("family", ["sd15", "sdxl", "flux1"])
def test_short_prompts_are_embedded_as_diffusers_does(checkpoint: Folder, family: str) -> None:
    pipeline = bare(checkpoint, family, adapter=False)
    loaded = generator(checkpoint, family, adapter=False).checkpoint

    ours = prompts.arguments(loaded, "a red house, at night", "rain")

    if family == "flux1":
        theirs = pipeline.encode_prompt("a red house, at night")[:2]
    else:
        theirs = pipeline.encode_prompt(
            prompt="a red house, at night",
            device="cpu",
            num_images_per_prompt=1,
            do_classifier_free_guidance=True,
            negative_prompt="rain",
        )
    assert len(ours) == len(theirs)
    assert all(any(torch.equal(mine, each) for each in theirs) for mine in ours.values())


def test_a_weight_of_zero_is_an_empty_place_and_a_larger_one_goes_further(sd15: Checkpoint) -> None:
    plain, empty, none, much = (
        prompts.arguments(sd15, prompt, "")["prompt_embeds"] for prompt in ("red", "", "(red:0)", "(red:2)")
    )

    assert torch.allclose(none[:, 1], empty[:, 1])
    assert torch.allclose(much[:, 1] - empty[:, 1], 2 * (plain[:, 1] - empty[:, 1]), atol=1e-5)


def test_a_full_chunk_ends_at_a_comma_that_is_near(sd15: Checkpoint) -> None:
    tokenizer = sd15.components["tokenizer"]

    near, far = (chunks(tokenizer, f"{'tree ' * before}, {'tree ' * 90}") for before in (60, 30))

    assert [len(chunk) for chunk in near] == [61, 75, 15]
    assert [len(chunk) for chunk in far] == [75, 46]


def test_the_shorter_of_prompt_and_negative_prompt_is_filled_up(sd15: Checkpoint) -> None:
    found = prompts.arguments(sd15, "tree " * 100, "rain")

    assert found["prompt_embeds"].shape == found["negative_prompt_embeds"].shape == (1, 2 * (CHUNK + 2), 32)
    short = prompts.arguments(sd15, "tree", "rain")["negative_prompt_embeds"]
    assert torch.allclose(found["negative_prompt_embeds"][:, : CHUNK + 2], short, atol=1e-5)


def test_tokens_are_counted(sd15: Checkpoint, checkpoint: Folder) -> None:
    assert count_tokens(sd15, "a red house") == TokenCount(3, 1)
    assert count_tokens(sd15, "a (red:1.3) house " * 50) == TokenCount(150, 2)
    assert generator(checkpoint, "kandinsky22").count_tokens("a red house") is None
    flux1 = generator(checkpoint, "flux1", adapter=False)
    assert flux1.count_tokens("red") == TokenCount(4, 1)  # its tiny T5 reads letters, and where words begin
