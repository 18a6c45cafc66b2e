"""The pipeline, with a tiny network of random weights: what a picture depends on, and what it does not."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from phosphene.generators.retrieval.guidance import Condition
from phosphene.generators.retrieval.pipeline import RetrievalPipeline, Start, new_scheduler
from phosphene.nets.autoencoder import FACTOR, Autoencoder, on_sphere
from phosphene.nets.denoiser import NEIGHBOUR, TEXT, Denoiser
from phosphene.nets.latent_encoder import LatentEncoder
from phosphene.vectors import Vectors, unit

DIMENSION, DEPTH, GRID = 12, 4, 4
SIZE = GRID * FACTOR
HALF_A_LEVEL = 0.5 / 127.5  # of 256 grey levels, where a picture goes from -1 to 1


def random_units(count: int, seed: int = 0) -> Vectors:
    return unit(np.random.default_rng(seed).standard_normal((count, DIMENSION)))


def tiny_denoiser() -> Denoiser:
    torch.manual_seed(0)
    network = Denoiser(DIMENSION, grid=GRID, depth=DEPTH, channels=(16, 32), width=32, heads=2)
    for weights in network.parameters():  # those that begin at zero too, so that everything has a say
        if weights.ndim > 1:
            torch.nn.init.normal_(weights, std=0.1)
    return network.eval()


def tiny_pipeline() -> RetrievalPipeline:
    torch.manual_seed(1)
    autoencoder = Autoencoder(SIZE, DEPTH, (8, 8, 8)).eval()
    latent_encoder = LatentEncoder(DIMENSION, DEPTH, (8, 16)).eval()
    return RetrievalPipeline(
        tiny_denoiser(), autoencoder, latent_encoder, new_scheduler(), space="tiny:0", steps=4
    )


def some_latents(count: int) -> Tensor:
    return on_sphere(torch.randn(count, DEPTH, GRID, GRID))


@pytest.fixture(scope="module")
def pipeline() -> RetrievalPipeline:
    return tiny_pipeline()


TEXTS, NEAR, FAR = random_units(4), random_units(6, seed=1), random_units(2, seed=2)
BOTH = Condition(TEXTS[0], NEAR[:3], (1.0, 1.0, 1.0))
CONDITIONS = [
    BOTH,
    Condition(TEXTS[1]),
    Condition(None, NEAR, (1.0, 0.5, 2.0, 1.0, 1.0, 0.1)),
    Condition(),
    Condition(TEXTS[2], NEAR[:1], (1.0,), negative=FAR),
]


def made(
    pipeline: RetrievalPipeline, conditions: Sequence[Condition], seeds: Sequence[int], **how: Any
) -> Tensor:
    pictures = pipeline(conditions, seeds, **how)
    assert pictures is not None
    return pictures


def apart(first: Tensor, second: Tensor) -> float:
    return float((first - second).abs().max())


def test_pictures_of_a_batch_are_those_that_come_one_by_one(pipeline: RetrievalPipeline) -> None:
    seeds = range(len(CONDITIONS))
    batch = made(pipeline, CONDITIONS, seeds)
    for index, seed in enumerate(seeds):
        alone = made(pipeline, [CONDITIONS[index]], [seed])
        assert apart(batch[index], alone[0]) < HALF_A_LEVEL


def test_same_batch_gives_the_same_bits(pipeline: RetrievalPipeline) -> None:
    assert torch.equal(made(pipeline, CONDITIONS, range(5)), made(pipeline, CONDITIONS, range(5)))


def test_every_picture_has_its_own_seed(pipeline: RetrievalPipeline) -> None:
    pictures = made(pipeline, [BOTH] * 3, [7, 8, 7])
    assert apart(pictures[0], pictures[2]) < HALF_A_LEVEL < apart(pictures[0], pictures[1])


def test_every_condition_counts(pipeline: RetrievalPipeline) -> None:
    pictures = made(pipeline, CONDITIONS, [3] * len(CONDITIONS))
    for index in range(1, len(CONDITIONS)):
        assert apart(pictures[0], pictures[index]) > HALF_A_LEVEL


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(6)))
def test_order_of_neighbours_does_not_count(pipeline: RetrievalPipeline, order: list[int]) -> None:
    weights = np.linspace(0.2, 1, 6)
    plain = Condition(TEXTS[0], NEAR, tuple(weights))
    shuffled = Condition(TEXTS[0], NEAR[order], tuple(weights[order]))
    first, second = made(pipeline, [plain, shuffled], [1, 1])
    assert apart(first, second) < HALF_A_LEVEL


def test_weight_nought_is_absence_and_equal_weights_are_the_default(pipeline: RetrievalPipeline) -> None:
    weightless = Condition(TEXTS[0], NEAR[:4], (1.0, 1.0, 1.0, 0.0))
    doubled = replace(BOTH, weights=(2.0, 2.0, 2.0))
    nearly = replace(weightless, weights=(1.0, 1.0, 1.0, 1e-7))
    plain, *others = made(pipeline, [BOTH, weightless, doubled, nearly], [1] * 4)
    assert all(apart(plain, other) < HALF_A_LEVEL for other in others)


def test_weight_moves_the_picture_towards_its_neighbour(pipeline: RetrievalPipeline) -> None:
    only = [Condition(TEXTS[0], NEAR[:2], weights) for weights in ((1.0, 0.0), (1.0, 0.1), (1.0, 1.0))]
    none, little, much = made(pipeline, only, [1] * 3)
    assert 0 < apart(none, little) < apart(none, much)


def test_filled_up_token_is_no_token() -> None:
    network = tiny_denoiser()
    noisy, sigma = torch.randn(1, DEPTH, GRID, GRID), torch.tensor([0.7])
    vectors = torch.from_numpy(np.stack([TEXTS[0], NEAR[0], NEAR[1]]))[None]
    kinds = torch.tensor([[TEXT, NEIGHBOUR, NEIGHBOUR]])
    with torch.no_grad():
        short = network(noisy, sigma, vectors[:, :2], kinds[:, :2], torch.ones(1, 2))
        padded = network(noisy, sigma, vectors, kinds, torch.tensor([[1.0, 1.0, 0.0]]))
        twice = network(noisy, sigma, vectors[:, [0, 1, 1]], kinds, torch.ones(1, 3))
        heavy = network(noisy, sigma, vectors[:, :2], kinds[:, :2], torch.tensor([[1.0, 2.0]]))
    assert apart(short, padded) < 1e-5
    assert apart(twice, heavy) < 1e-5 < apart(short, heavy)


def test_two_guidances_are_two_dials(pipeline: RetrievalPipeline) -> None:
    dials = [(1.0, 1.0), (4.0, 1.0), (1.0, 4.0)]
    pictures = [
        made(pipeline, [BOTH], [1], text_guidance=text, neighbour_guidance=neighbours)[0]
        for text, neighbours in dials
    ]
    assert min(apart(a, b) for a, b in zip(pictures, pictures[1:] + pictures[:1], strict=True)) > HALF_A_LEVEL


def test_text_guidance_does_nothing_without_a_text(pipeline: RetrievalPipeline) -> None:
    condition = [Condition(None, NEAR[:2], (1.0, 1.0))]
    weak, strong = (made(pipeline, condition, [1], text_guidance=guidance) for guidance in (1.5, 5.0))
    assert apart(weak, strong) < HALF_A_LEVEL


def test_negative_is_the_opposite_direction_of_its_text(pipeline: RetrievalPipeline) -> None:
    """One step, so that the guess is linear in the guidances as long as nothing is cut off at white."""
    gentle = {"steps": 1, "text_guidance": 0.05, "neighbour_guidance": 1.0}
    plain, towards, away = (
        made(pipeline, [condition], [1], **gentle)[0]
        for condition in (Condition(), Condition(TEXTS[0]), Condition(negative=TEXTS[:1]))
    )
    along, against = (towards - plain).flatten(), (away - plain).flatten()
    assert float(torch.nn.functional.cosine_similarity(along, against, dim=0)) < -0.9


def test_faint_start_gives_back_nearly_what_it_was_given(pipeline: RetrievalPipeline) -> None:
    start = some_latents(1)
    guesses = []

    def keep(index: int, total: int, sigma: float, clean: Tensor) -> None:
        guesses.append(sigma)

    faint = made(pipeline, [BOTH], [1], start=Start(start, 1e-4), on_step=keep, steps=1)
    assert guesses == [pytest.approx(1e-4, rel=1e-3)]
    assert faint.shape == (1, 3, SIZE, SIZE)


def test_start_counts_the_more_the_fainter_the_noise() -> None:
    """A network that guesses what it sees makes the distance to the start grow with the strength."""
    pipeline = tiny_pipeline()
    pipeline.denoiser.forward = lambda noisy, *_: noisy  # type: ignore[method-assign]
    start = some_latents(1)
    kept = pipeline.decode(start)
    away = [
        float((made(pipeline, [Condition()], [1], start=Start(start, strength)) - kept).abs().mean())
        for strength in (0.01, 0.3, 0.9)
    ]
    assert away[0] < 0.05
    assert away == sorted(away)


@pytest.mark.parametrize(
    ("strength", "levels"),
    [
        (1.0, [1, 21 / 22, 0.9, 5 / 6, 0.75, 9 / 14, 0.5, 0.3]),
        (5 / 6, [5 / 6, 0.75, 9 / 14, 0.5, 0.3]),
        (0.3, [0.3]),
        (0.01, [0.01]),
    ],
)
def test_start_has_the_steps_before_it_that_are_left_at_its_level(
    pipeline: RetrievalPipeline, strength: float, levels: list[float]
) -> None:
    sigmas: list[float] = []

    def note(index: int, total: int, sigma: float, clean: Tensor) -> None:
        assert (len(sigmas), total) == (index - 1, len(levels))
        sigmas.append(sigma)

    made(pipeline, [BOTH], [1], start=Start(some_latents(1), strength), steps=8, on_step=note)
    assert sigmas == pytest.approx(levels, abs=1e-3)


@pytest.mark.parametrize(("strength", "guided", "plain"), [(1.0, 6, 2), (0.8, 3, 2), (0.3, 1, 0)])
def test_guidance_ends_before_the_picture_does(strength: float, guided: int, plain: int) -> None:
    pipeline, rows = tiny_pipeline(), []
    guess = pipeline.denoiser.forward

    def counted(noisy: Tensor, *rest: Tensor) -> Tensor:
        rows.append(len(noisy))
        return guess(noisy, *rest)

    pipeline.denoiser.forward = counted  # type: ignore[method-assign]
    made(pipeline, [BOTH], [1], start=Start(some_latents(1), strength), steps=8)
    assert rows == [2] * guided + [1] * plain


def test_guidance_below_one_is_below_one_to_the_end(pipeline: RetrievalPipeline) -> None:
    """A text that is to count for nothing never does."""
    ignored, absent = (
        made(pipeline, [condition], [1], text_guidance=0.0, neighbour_guidance=0.0)
        for condition in (BOTH, Condition())
    )
    assert apart(ignored, absent) < HALF_A_LEVEL


def test_inpainting_keeps_the_known_part(pipeline: RetrievalPipeline) -> None:
    start, guesses = some_latents(2), []
    mask = torch.zeros(2, 1, GRID, GRID)
    mask[:, :, :, GRID // 2 :] = 1

    def keep(index: int, total: int, sigma: float, clean: Tensor) -> None:
        guesses.append(clean)

    made(pipeline, [BOTH, Condition()], [1, 2], start=Start(start, 1.0, mask), on_step=keep)
    assert apart(guesses[-1] * (1 - mask), start * (1 - mask)) < 1e-6
    assert apart(guesses[-1] * mask, start * mask) > HALF_A_LEVEL


def test_stops_when_told_to(pipeline: RetrievalPipeline) -> None:
    told: list[tuple[int, int]] = []

    def stop_at_two(index: int, total: int, sigma: float, clean: Tensor) -> bool:
        assert clean.shape == (1, DEPTH, GRID, GRID)
        assert float(clean.square().mean(1).max()) <= 1 + 1e-5
        told.append((index, total))
        return index < 2

    assert pipeline([BOTH], [1], on_step=stop_at_two) is None
    assert told == [(1, 4), (2, 4)]


def test_bfloat16_is_near_to_full_precision(pipeline: RetrievalPipeline) -> None:
    full, half = (made(pipeline, CONDITIONS, range(5), bfloat16=short) for short in (False, True))
    assert half.dtype == torch.float32
    assert 0 < float((full - half).abs().mean()) < 0.1


def test_pictures_are_what_the_autoencoder_decodes(pipeline: RetrievalPipeline) -> None:
    last: list[Tensor] = []
    pictures = made(pipeline, [BOTH], [1], on_step=lambda *step: last.append(step[-1]))
    assert pictures.shape == (1, 3, SIZE, SIZE)
    assert apart(pictures, pipeline.decode(last[-1])) < HALF_A_LEVEL  # the last step ends on its own guess


def test_latents_come_out_undecoded_where_asked_for(pipeline: RetrievalPipeline) -> None:
    latents = made(pipeline, CONDITIONS, range(5), output_type="latent")
    assert latents.shape == (5, DEPTH, GRID, GRID)
    assert torch.equal(pipeline.decode(latents), made(pipeline, CONDITIONS, range(5)))


def test_latents_keep_their_length_whatever_the_generator_makes_of_it(pipeline: RetrievalPipeline) -> None:
    latents = pipeline.encode(torch.rand(2, 3, SIZE, SIZE) * 2 - 1)
    assert latents.shape == (2, DEPTH, GRID, GRID)
    assert torch.allclose(latents.square().mean(1), torch.ones(2, GRID, GRID), atol=1e-5)
    assert apart(pipeline.decode(latents), pipeline.decode(0.3 * latents)) < HALF_A_LEVEL


def test_saved_pipeline_makes_the_same_pictures_in_a_fresh_process(tmp_path: Path) -> None:
    pipeline = tiny_pipeline()
    pipeline.save_pretrained(tmp_path / "saved")
    np.savez(tmp_path / "asked.npz", text=TEXTS[0], near=NEAR)
    script = """
import sys, numpy as np
from phosphene.generators.retrieval.guidance import Condition
from pathlib import Path
from phosphene.generators.retrieval.saved import read
asked = np.load(sys.argv[1] + "/asked.npz")
pipeline = read(Path(sys.argv[1]) / "saved")
assert pipeline.config["space"] == "tiny:0" and pipeline.config["dimension"] == 12, pipeline.config
made = pipeline([Condition(asked["text"], asked["near"], [1.0] * 6)] * 2, [5, 6])
np.save(sys.argv[1] + "/made.npy", made.numpy())
"""
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], check=True, capture_output=True, timeout=240
    )
    here = made(pipeline, [Condition(TEXTS[0], NEAR, (1.0,) * 6)] * 2, [5, 6])
    assert apart(torch.from_numpy(np.load(tmp_path / "made.npy")), here) < HALF_A_LEVEL
