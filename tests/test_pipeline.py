"""The pictures of a pipeline with tiny random networks depend on the right things, and on nothing else."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DiffusionPipeline,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as pillow
from torch import Tensor

from phosphene.generators.retrieval.guidance import Condition
from phosphene.generators.retrieval.pipeline import RetrievalPipeline
from phosphene.generators.retrieval.scheduling import default_scheduler
from phosphene.landscape import DIFFUSION_FOLDER
from phosphene.nets.autoencoder import SCALE_FACTOR, Autoencoder, on_sphere
from phosphene.nets.denoiser import NEIGHBOUR, TEXT, Denoiser
from phosphene.nets.latent_encoder import LatentEncoder
from phosphene.vectors import Vectors, unit

DIMENSION, LATENT_CHANNELS, LATENT_SIZE = 12, 4, 4
SIZE = LATENT_SIZE * SCALE_FACTOR
HALF_A_LEVEL = 0.5 / 127.5  # half of one of 256 grey levels, in pixels from -1 to 1


def random_units(count: int, seed: int = 0) -> Vectors:
    return unit(np.random.default_rng(seed).standard_normal((count, DIMENSION)))


def tiny_denoiser() -> Denoiser:
    torch.manual_seed(0)
    network: Denoiser = Denoiser(DIMENSION, LATENT_SIZE, LATENT_CHANNELS, (16, 32), 32, 2)
    for weights in network.parameters():  # also those that begin at zero, so that every layer has an effect
        if weights.ndim > 1:
            torch.nn.init.normal_(weights, std=0.1)
    network.eval()
    return network


def tiny_pipeline() -> RetrievalPipeline:
    torch.manual_seed(1)
    autoencoder = Autoencoder(SIZE, LATENT_CHANNELS, (8, 8, 8)).eval()
    latent_encoder = LatentEncoder(DIMENSION, LATENT_CHANNELS, (8, 16)).eval()
    return RetrievalPipeline(
        tiny_denoiser(),
        autoencoder,
        latent_encoder,
        default_scheduler(),
        space="tiny:0",
        num_inference_steps=4,
    )


def some_latents(count: int) -> Tensor:
    return on_sphere(torch.randn(count, LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE))


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


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def latents_of(
    pipeline: RetrievalPipeline, conditions: Sequence[Condition], seeds: Sequence[int], **how: Any
) -> Tensor:
    (latents,) = pipeline(
        [one.text for one in conditions],
        [one.neighbours for one in conditions],
        [one.negative for one in conditions],
        image_embeds_weights=[one.weights for one in conditions],
        generator=generators(seeds),
        output_type="latent",
        return_dict=False,
        **how,
    )
    assert isinstance(latents, Tensor)
    return latents


def made(
    pipeline: RetrievalPipeline, conditions: Sequence[Condition], seeds: Sequence[int], **how: Any
) -> Tensor:
    """The pictures (b, 3, size, size) in [-1, 1]."""
    return pipeline.decode(latents_of(pipeline, conditions, seeds, **how))


class Watcher:
    """A callback that remembers its arguments."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after = stop_after
        self.steps: list[tuple[int, int]] = []
        self.sigmas: list[float] = []
        self.clean: list[Tensor] = []

    def __call__(
        self, pipe: RetrievalPipeline, index: int, timestep: Tensor, tensors: dict[str, Tensor]
    ) -> None:
        self.steps.append((index + 1, pipe.num_timesteps))
        self.sigmas.append(float(tensors["sigma"]))
        self.clean.append(tensors["pred_original_sample"])
        if len(self.steps) == self.stop_after:
            pipe._interrupt = True

    @property
    def asked(self) -> dict[str, Any]:
        """The arguments that pass this callback to the pipeline."""
        names = ("pred_original_sample", "sigma")
        return {"callback_on_step_end": self, "callback_on_step_end_tensor_inputs": names}


def apart(first: Tensor, second: Tensor) -> float:
    return float((first - second).abs().max())


def test_pictures_are_the_same_in_a_batch_and_one_by_one(pipeline: RetrievalPipeline) -> None:
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


def test_every_condition_changes_the_picture(pipeline: RetrievalPipeline) -> None:
    pictures = made(pipeline, CONDITIONS, [3] * len(CONDITIONS))
    for index in range(1, len(CONDITIONS)):
        assert apart(pictures[0], pictures[index]) > HALF_A_LEVEL


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(6)))
def test_the_order_of_neighbours_does_not_matter(pipeline: RetrievalPipeline, order: list[int]) -> None:
    weights = np.linspace(0.2, 1, 6)
    plain = Condition(TEXTS[0], NEAR, tuple(weights))
    shuffled = Condition(TEXTS[0], NEAR[order], tuple(weights[order]))
    first, second = made(pipeline, [plain, shuffled], [1, 1])
    assert apart(first, second) < HALF_A_LEVEL


def test_a_weight_of_zero_is_absence_and_equal_weights_are_the_default(pipeline: RetrievalPipeline) -> None:
    weightless = Condition(TEXTS[0], NEAR[:4], (1.0, 1.0, 1.0, 0.0))
    doubled = replace(BOTH, weights=(2.0, 2.0, 2.0))
    nearly = replace(weightless, weights=(1.0, 1.0, 1.0, 1e-7))
    plain, *others = made(pipeline, [BOTH, weightless, doubled, nearly], [1] * 4)
    assert all(apart(plain, other) < HALF_A_LEVEL for other in others)


def test_weight_moves_the_picture_towards_its_neighbour(pipeline: RetrievalPipeline) -> None:
    only = [Condition(TEXTS[0], NEAR[:2], weights) for weights in ((1.0, 0.0), (1.0, 0.1), (1.0, 1.0))]
    none, little, much = made(pipeline, only, [1] * 3)
    assert 0 < apart(none, little) < apart(none, much)


def test_padded_tokens_change_nothing() -> None:
    network = tiny_denoiser()
    noisy, sigma = torch.randn(1, LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE), torch.tensor([0.7])
    vectors = torch.from_numpy(np.stack([TEXTS[0], NEAR[0], NEAR[1]]))[None]
    kinds = torch.tensor([[TEXT, NEIGHBOUR, NEIGHBOUR]])
    with torch.no_grad():
        short = network(noisy, sigma, vectors[:, :2], kinds[:, :2], torch.ones(1, 2))
        padded = network(noisy, sigma, vectors, kinds, torch.tensor([[1.0, 1.0, 0.0]]))
        twice = network(noisy, sigma, vectors[:, [0, 1, 1]], kinds, torch.ones(1, 3))
        heavy = network(noisy, sigma, vectors[:, :2], kinds[:, :2], torch.tensor([[1.0, 2.0]]))
    assert apart(short, padded) < 1e-5
    assert apart(twice, heavy) < 1e-5 < apart(short, heavy)


def test_the_two_guidance_scales_work_independently(pipeline: RetrievalPipeline) -> None:
    dials = [(1.0, 1.0), (4.0, 1.0), (1.0, 4.0)]
    pictures = [
        made(pipeline, [BOTH], [1], guidance_scale=text, image_guidance_scale=neighbours)[0]
        for text, neighbours in dials
    ]
    assert min(apart(a, b) for a, b in zip(pictures, pictures[1:] + pictures[:1], strict=True)) > HALF_A_LEVEL


def test_text_guidance_does_nothing_without_a_text(pipeline: RetrievalPipeline) -> None:
    condition = [Condition(None, NEAR[:2], (1.0, 1.0))]
    weak, strong = (made(pipeline, condition, [1], guidance_scale=guidance) for guidance in (1.5, 5.0))
    assert apart(weak, strong) < HALF_A_LEVEL


def test_negative_is_the_opposite_direction_of_its_text(pipeline: RetrievalPipeline) -> None:
    """With one step, the prediction is linear in the guidance scales, as long as no pixel is clipped."""
    gentle = {"num_inference_steps": 1, "guidance_scale": 0.05, "image_guidance_scale": 1.0}
    plain, towards, away = (
        made(pipeline, [condition], [1], **gentle)[0]
        for condition in (Condition(), Condition(TEXTS[0]), Condition(negative=TEXTS[:1]))
    )
    along, against = (towards - plain).flatten(), (away - plain).flatten()
    assert float(torch.nn.functional.cosine_similarity(along, against, dim=0)) < -0.9


def test_a_low_strength_hardly_changes_an_init_image(pipeline: RetrievalPipeline) -> None:
    watcher = Watcher()
    start = {"image": some_latents(1), "strength": 1e-4}
    faint = made(pipeline, [BOTH], [1], **start, **watcher.asked, num_inference_steps=1)
    assert watcher.sigmas == [pytest.approx(1e-4, rel=1e-3)]
    assert faint.shape == (1, 3, SIZE, SIZE)


def test_less_noise_keeps_more_of_an_init_image() -> None:
    """With a network that predicts its input, the distance to the init image grows with the strength."""
    pipeline = tiny_pipeline()
    pipeline.denoiser.forward = lambda noisy, *_: noisy
    start = some_latents(1)
    kept = pipeline.decode(start)
    away = [
        float((made(pipeline, [Condition()], [1], image=start, strength=strength) - kept).abs().mean())
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
def test_below_a_strength_of_one_the_steps_below_it_are_taken(
    pipeline: RetrievalPipeline, strength: float, levels: list[float]
) -> None:
    watcher = Watcher()
    start = {"image": some_latents(1), "strength": strength}
    made(pipeline, [BOTH], [1], **start, **watcher.asked, num_inference_steps=8)
    assert watcher.sigmas == pytest.approx(levels, abs=1e-3)
    assert watcher.steps == [(index + 1, len(levels)) for index in range(len(levels))]


@pytest.mark.parametrize(("strength", "guided", "plain"), [(1.0, 6, 2), (0.8, 3, 2), (0.3, 1, 0)])
def test_guidance_ends_before_the_picture_does(strength: float, guided: int, plain: int) -> None:
    pipeline, rows = tiny_pipeline(), []
    guess: Callable[..., Tensor] = pipeline.denoiser.forward

    def counted(noisy: Tensor, *rest: Tensor) -> Tensor:
        rows.append(len(noisy))
        return guess(noisy, *rest)

    pipeline.denoiser.forward = counted
    made(pipeline, [BOTH], [1], image=some_latents(1), strength=strength, num_inference_steps=8)
    assert rows == [2] * guided + [1] * plain


def test_guidance_below_one_is_below_one_to_the_end(pipeline: RetrievalPipeline) -> None:
    """A text with a guidance scale of 0 never has an effect."""
    ignored, absent = (
        made(pipeline, [condition], [1], guidance_scale=0.0, image_guidance_scale=0.0)
        for condition in (BOTH, Condition())
    )
    assert apart(ignored, absent) < HALF_A_LEVEL


def test_inpainting_keeps_the_known_part(pipeline: RetrievalPipeline) -> None:
    start, watcher = some_latents(2), Watcher()
    mask = torch.zeros(2, 1, LATENT_SIZE, LATENT_SIZE)
    mask[:, :, :, LATENT_SIZE // 2 :] = 1
    how = {"image": start, "mask_image": mask, "strength": 1.0}
    made(pipeline, [BOTH, Condition()], [1, 2], **how, **watcher.asked)
    assert apart(watcher.clean[-1] * (1 - mask), start * (1 - mask)) < 1e-6
    assert apart(watcher.clean[-1] * mask, start * mask) > HALF_A_LEVEL


def test_a_callback_ends_a_call_as_those_of_diffusers_do(pipeline: RetrievalPipeline) -> None:
    watcher = Watcher(stop_after=2)
    made(pipeline, [BOTH], [1], **watcher.asked)
    assert watcher.steps == [(1, 4), (2, 4)]
    assert pipeline.interrupt
    assert watcher.clean[0].shape == (1, LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE)
    assert float(watcher.clean[0].square().mean(1).max()) <= 1 + 1e-5
    made(pipeline, [BOTH], [1])
    assert not pipeline.interrupt


def test_a_callback_may_return_other_latents(pipeline: RetrievalPipeline) -> None:
    zeros = torch.zeros(1, LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE)
    latents = latents_of(pipeline, [BOTH], [1], callback_on_step_end=lambda *_: {"latents": zeros})
    assert torch.equal(latents, zeros)


PRECISIONS = (None, torch.bfloat16)


def test_bfloat16_is_near_to_full_precision(pipeline: RetrievalPipeline) -> None:
    full, half = (
        made(pipeline, CONDITIONS, range(5), autocast_dtype=short) for short in (None, torch.bfloat16)
    )
    assert half.dtype == torch.float32
    assert 0 < float((full - half).abs().mean()) < 0.1


def test_pictures_are_decoded_by_the_autoencoder(pipeline: RetrievalPipeline) -> None:
    watcher = Watcher()
    pictures = made(pipeline, [BOTH], [1], **watcher.asked)
    assert pictures.shape == (1, 3, SIZE, SIZE)
    assert apart(pictures, pipeline.decode(watcher.clean[-1])) < HALF_A_LEVEL  # the last step ends there


def test_pictures_come_in_every_form_of_diffusers(pipeline: RetrievalPipeline) -> None:
    def call(output_type: Any) -> Any:
        return pipeline(TEXTS[:2], generator=generators([1, 2]), output_type=output_type).images

    wanted = pipeline.decode(call("latent")) / 2 + 0.5
    assert torch.allclose(call("pt"), wanted)
    assert np.allclose(call("np"), wanted.permute(0, 2, 3, 1).numpy())
    for picture, pixels in zip(call("pil"), wanted, strict=True):
        assert picture.size == (SIZE, SIZE)
        assert np.abs(np.asarray(picture) / 255 - pixels.permute(1, 2, 0).numpy()).max() < 0.01


def test_every_picture_can_have_several_images(pipeline: RetrievalPipeline) -> None:
    repeated = pipeline(
        torch.from_numpy(TEXTS[:2]),
        num_images_per_prompt=2,
        generator=generators(range(4)),
        output_type="latent",
    ).images
    single = latents_of(pipeline, [Condition(TEXTS[i]) for i in (0, 0, 1, 1)], range(4))
    assert apart(repeated, single) < 1e-5


def test_init_images_and_masks_of_any_size_are_accepted(pipeline: RetrievalPipeline) -> None:
    wide = pillow.new("RGB", (3 * SIZE, SIZE), "red")
    mask = pillow.new("L", (3 * SIZE, SIZE), 255)
    [plain], [masked], [kept] = (
        pipeline(TEXTS[:1], image=wide, generator=generators([1]), strength=0.5, mask_image=given).images
        for given in (None, mask, pillow.new("L", (SIZE, SIZE), 0))
    )
    assert np.array_equal(np.asarray(plain), np.asarray(masked))
    red = pipeline.image_processor.preprocess(wide, SIZE, SIZE, resize_mode="crop")
    again = pipeline.decode(pipeline.encode(red))[0] / 2 + 0.5
    assert np.abs(np.asarray(kept) / 255 - again.permute(1, 2, 0).numpy()).max() < 0.01


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"mask_image": torch.ones(1, 1, LATENT_SIZE, LATENT_SIZE)}, "needs an `image`"),
        ({"image": some_latents(1), "strength": 0.0}, "`strength` is 0.0, but must be above 0"),
        ({"image": some_latents(2)}, "`image` has 2 entries for 1 pictures"),
        ({"image_embeds": random_units(6).reshape(2, 3, -1)}, "different numbers of pictures"),
        ({"callback_on_step_end_tensor_inputs": ["weights"]}, "unknown names: weights"),
    ],
)
def test_arguments_that_do_not_fit_are_named(
    pipeline: RetrievalPipeline, how: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        pipeline(TEXTS[:1], **how)


# ── other schedulers ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def swapped() -> Iterator[RetrievalPipeline]:
    """A pipeline whose scheduler may be replaced."""
    yield tiny_pipeline()


SCHEDULERS = [DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler, EulerDiscreteScheduler]


@pytest.mark.parametrize("other", SCHEDULERS)
def test_another_scheduler_samples_in_another_way(swapped: RetrievalPipeline, other: Any) -> None:
    usual = made(swapped, [BOTH], [1])
    swapped.scheduler = other.from_config(swapped.scheduler.config)
    first, again = (made(swapped, [BOTH], [1]) for _ in range(2))
    assert torch.equal(first, again)  # the history of a call does not affect the next one
    assert apart(first, usual) > HALF_A_LEVEL


@pytest.mark.parametrize("other", SCHEDULERS)
def test_every_scheduler_walks_the_straight_path(swapped: RetrievalPipeline, other: Any) -> None:
    """With a network that knows the clean latents, each of them ends exactly there."""
    clean = some_latents(1)
    seen: list[tuple[Tensor, Tensor]] = []

    def oracle(noisy: Tensor, sigma: Tensor, *_: Tensor) -> Tensor:
        seen.append((noisy[:1], sigma[:1]))
        return clean.expand_as(noisy)

    swapped.denoiser.forward = oracle
    swapped.scheduler = other.from_config(swapped.scheduler.config)
    noise = torch.randn(1, LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE, generator=generators([1])[0])
    latents = latents_of(swapped, [BOTH], [1], num_inference_steps=6)
    assert apart(latents, clean) < 1e-4
    for noisy, sigma in seen:
        assert apart(noisy, (1 - sigma) * clean + sigma * noise) < 2e-3
    assert len(seen) == 6


@pytest.mark.parametrize("other", SCHEDULERS)
def test_every_scheduler_starts_from_an_image_at_its_strength(swapped: RetrievalPipeline, other: Any) -> None:
    swapped.scheduler = other.from_config(swapped.scheduler.config)
    watcher = Watcher()
    made(swapped, [BOTH], [1], image=some_latents(1), strength=0.6, num_inference_steps=8, **watcher.asked)
    assert 0.3 < watcher.sigmas[0] <= 0.6 + 1e-3
    assert 0 < len(watcher.sigmas) < 8


@pytest.mark.parametrize(
    "scheduler",
    [DDIMScheduler(prediction_type="sample"), DPMSolverMultistepScheduler(), EulerDiscreteScheduler()],
    ids=lambda one: type(one).__name__,
)
def test_a_scheduler_that_cannot_be_used_is_named(swapped: RetrievalPipeline, scheduler: Any) -> None:
    swapped.scheduler = scheduler
    with pytest.raises(ValueError, match=type(scheduler).__name__):
        made(swapped, [BOTH], [1])


def test_predicted_latents_stay_within_the_sphere(pipeline: RetrievalPipeline) -> None:
    latents = pipeline.encode(torch.rand(2, 3, SIZE, SIZE) * 2 - 1)
    assert latents.shape == (2, LATENT_CHANNELS, LATENT_SIZE, LATENT_SIZE)
    assert torch.allclose(latents.square().mean(1), torch.ones(2, LATENT_SIZE, LATENT_SIZE), atol=1e-5)
    assert apart(pipeline.decode(latents), pipeline.decode(0.3 * latents)) < HALF_A_LEVEL


FRESH = """
import sys, numpy as np, torch
from pathlib import Path
from phosphene.generators.retrieval.pipeline import RetrievalPipeline
from phosphene.generators.retrieval.saved import read
from diffusers import DiffusionPipeline
folder = Path(sys.argv[1])
asked = np.load(folder / "asked.npz")
ways = {"safe": read, "own": RetrievalPipeline.from_pretrained, "any": DiffusionPipeline.from_pretrained}
for name, load in ways.items():
    pipeline = load(folder / "saved")
    assert pipeline.config["space"] == "tiny:0" and pipeline.config["dimension"] == 12, pipeline.config
    generators = [torch.Generator().manual_seed(seed) for seed in (5, 6)]
    given = [asked["text"]] * 2, [asked["near"]] * 2
    made = pipeline(*given, generator=generators, output_type="latent").images
    np.save(folder / f"{name}.npy", pipeline.decode(made).numpy())
"""


def test_a_saved_pipeline_makes_the_same_pictures_in_a_fresh_process(tmp_path: Path) -> None:
    """The safe loader, its own class and diffusers' DiffusionPipeline all load the same pipeline."""
    pipeline = tiny_pipeline()
    pipeline.save_pretrained(tmp_path / "saved")
    np.savez(tmp_path / "asked.npz", text=TEXTS[0], near=NEAR)
    subprocess.run([sys.executable, "-c", FRESH, str(tmp_path)], check=True, capture_output=True, timeout=240)
    here = made(pipeline, [Condition(TEXTS[0], NEAR, (1.0,) * 6)] * 2, [5, 6])
    for name in ("safe", "own", "any"):
        assert apart(torch.from_numpy(np.load(tmp_path / f"{name}.npy")), here) < HALF_A_LEVEL


def test_the_built_in_folder_loads_by_diffusers_alone() -> None:
    pipeline = DiffusionPipeline.from_pretrained(DIFFUSION_FOLDER)
    assert isinstance(pipeline, RetrievalPipeline)
    dimension = pipeline.config["dimension"]
    text = unit(np.random.default_rng(0).standard_normal((1, dimension)))
    [picture] = pipeline(text, generator=generators([1]), num_inference_steps=2).images
    assert picture.size == (256, 256)
