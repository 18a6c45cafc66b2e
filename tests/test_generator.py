"""The built-in generator has the right capabilities, errors and results, and reads all of its folders."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, EulerDiscreteScheduler
from PIL import Image as pillow
from PIL.Image import Image as Picture
from safetensors.torch import load_file, save_file

from phosphene.errors import GenerationError, ModelError
from phosphene.generation import Generated, Reference, Request, Step
from phosphene.generators.retrieval import former_names, saved
from phosphene.generators.retrieval.generator import BATCH, BuiltinGenerator, open_generator
from phosphene.generators.retrieval.pipeline import RetrievalPipeline
from phosphene.generators.retrieval.saved import digest
from phosphene.generators.retrieval.saving import write
from phosphene.landscape import DIFFUSION_FOLDER
from phosphene.nets.autoencoder import SCALE_FACTOR, Autoencoder
from phosphene.nets.denoiser import Denoiser
from phosphene.nets.latent_encoder import LatentEncoder
from phosphene.recipes.bounds import Fit
from phosphene.records import Space
from phosphene.testing.generators import GeneratorTests
from phosphene.vectors import unit

DIMENSION, LATENT_CHANNELS, LATENT_SIZE = 12, 4, 4
LARGE = LATENT_SIZE * SCALE_FACTOR
SPACE = Space("tiny:0", "tiny", DIMENSION)
VECTORS = unit(np.random.default_rng(0).standard_normal((8, DIMENSION)))
NEIGHBOURS = tuple(Reference(f"n{i}", VECTORS[i + 1]) for i in range(3))
REQUEST = Request(seed=5, space=SPACE.id, vector=VECTORS[0], references=NEIGHBOURS, num_inference_steps=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    denoiser = Denoiser(DIMENSION, LATENT_SIZE, LATENT_CHANNELS, (16, 32), 32, 2)
    autoencoder = Autoencoder(LARGE, LATENT_CHANNELS, (8, 8, 8))
    latent_encoder = LatentEncoder(DIMENSION, LATENT_CHANNELS, (8, 16))
    for weights in [*denoiser.parameters(), *autoencoder.parameters()]:
        if weights.ndim > 1:
            torch.nn.init.normal_(weights, std=0.1)
    folder = tmp_path_factory.mktemp("generators") / "tiny" / "diffusion"
    write(denoiser, autoencoder, latent_encoder, SPACE, folder, licence="Apache-2.0")
    return folder


@pytest.fixture(scope="module")
def generator(folder: Path) -> BuiltinGenerator:
    return open_generator(folder, "cpu")


class TestConformance(GeneratorTests):
    """The built-in generator passes the conformance suite."""


@pytest.fixture
def scenery() -> Iterator[Picture]:
    noise = np.random.default_rng(3).integers(0, 256, (LARGE, LARGE, 3), dtype=np.uint8)
    yield pillow.fromarray(noise)


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(picture, dtype=np.int16)


def test_capabilities_describe_the_pipeline(generator: BuiltinGenerator, folder: Path) -> None:
    capabilities = generator.capabilities
    assert (capabilities.space, capabilities.dimension) == (SPACE.id, DIMENSION)
    assert capabilities.size == (LARGE, LARGE)
    assert capabilities.weights == digest(folder)
    assert capabilities.licence == "Apache-2.0"


def test_pictures_come_in_order_with_their_settings(generator: BuiltinGenerator) -> None:
    requests = [replace(REQUEST, seed=seed) for seed in range(BATCH + 2)]
    made = list(generator.generate(requests))
    assert len({one.picture().tobytes() for one in made}) == BATCH + 2
    assert {one.picture().size for one in made} == {(LARGE, LARGE)}
    assert made[0].settings == {
        "image_guidance_scale": generator.pipeline.config["image_guidance_scale"],
        "neighbour_strength": 1.0,
        "precision": "float32",
    }


def test_requests_with_different_settings_share_a_call(generator: BuiltinGenerator, scenery: Picture) -> None:
    requests = [
        REQUEST,
        replace(REQUEST, num_inference_steps=2),
        replace(REQUEST, guidance_scale=1.0),
        replace(REQUEST, init=scenery, strength=0.5),
        Request(space=SPACE.id, seed=1, num_inference_steps=2),
    ]
    together = [one.picture() for one in generator.generate(requests)]
    alone = [one.picture() for request in requests for one in generator.generate([request])]
    for first, second in zip(together, alone, strict=True):
        assert np.abs(pixels(first) - pixels(second)).max() <= 1


def test_settings_that_are_passed_as_options_give_the_same_bits(generator: BuiltinGenerator) -> None:
    [first] = generator.generate([REQUEST])
    [second] = generator.generate([replace(REQUEST, options=first.settings)])
    assert np.array_equal(pixels(first.picture()), pixels(second.picture()))


def test_another_sampler_is_another_generator(generator: BuiltinGenerator, folder: Path) -> None:
    """With another sampler the same weights make other pictures, which must not get the same ids."""
    with patch.object(saved, "SAMPLER", -1):
        assert open_generator(folder, "cpu").capabilities.weights != generator.capabilities.weights


def test_inpainting_changes_no_kept_pixel(generator: BuiltinGenerator, scenery: Picture) -> None:
    mask = pillow.new("L", (LARGE, LARGE), 0)
    mask.paste(255, (0, 0, LARGE // 2, LARGE))
    [made] = generator.generate([replace(REQUEST, init=scenery, mask=mask)])
    kept = np.asarray(mask) == 0
    assert np.array_equal(pixels(made.picture())[kept], pixels(scenery)[kept])
    assert not np.array_equal(pixels(made.picture())[~kept], pixels(scenery)[~kept])


def test_masks_and_init_images_of_any_size_and_mode_are_fitted(generator: BuiltinGenerator) -> None:
    init = pillow.new("RGBA", (90, 40), (200, 30, 30, 255))
    fits: list[tuple[tuple[int, int], Fit]] = [((45, 20), "crop"), ((7, 33), "stretch")]
    for size, fit in fits:
        mask = pillow.new("1", size, 1)
        [made] = generator.generate([replace(REQUEST, init=init, mask=mask, fit=fit)])
        assert made.picture().size == (LARGE, LARGE)


def test_pictures_of_neighbours_that_are_not_square_are_cropped(generator: BuiltinGenerator) -> None:
    wide = pillow.new("RGB", (3 * LARGE, LARGE), "red")
    wide.paste("blue", (LARGE, 0, 2 * LARGE, LARGE))
    from_wide = started(generator, with_pictures(wide, None, None))
    from_middle = started(generator, with_pictures(pillow.new("RGB", (LARGE, LARGE), "blue"), None, None))
    as_of_old = started(generator, with_pictures(wide, None, None), fit="stretch")
    assert np.array_equal(pixels(from_wide.picture()), pixels(from_middle.picture()))
    assert not np.array_equal(pixels(from_wide.picture()), pixels(as_of_old.picture()))


def test_inpainting_keeps_the_exact_pixels_of_a_padded_init_image(generator: BuiltinGenerator) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (LARGE // 2, LARGE, 3), dtype=np.uint8)
    mask = pillow.new("L", (LARGE, LARGE // 2), 0)
    wide = replace(REQUEST, init=pillow.fromarray(noise), mask=mask, fit="pad")
    [made] = generator.generate([wide])
    quarter = LARGE // 4
    assert np.array_equal(pixels(made.picture())[quarter:-quarter], noise)
    assert len(np.unique(pixels(made.picture())[0], axis=0)) > 1


def test_a_transparent_mask_is_read_as_painted(generator: BuiltinGenerator, scenery: Picture) -> None:
    layer = pillow.new("LA", (LARGE, LARGE), (255, 0))
    layer.paste((255, 255), (0, 0, LARGE // 2, LARGE))
    flat = pillow.new("L", (LARGE, LARGE), 0)
    flat.paste(255, (0, 0, LARGE // 2, LARGE))
    painted, plain = generator.generate([replace(REQUEST, init=scenery, mask=mask) for mask in (layer, flat)])
    assert np.abs(pixels(painted.picture()) - pixels(plain.picture())).max() <= 1


def test_it_predicts_the_vectors_of_its_pictures(generator: BuiltinGenerator) -> None:
    requests = [replace(REQUEST, seed=seed) for seed in range(3)]
    latents = generator.pipeline(
        VECTORS[:1].repeat(3, 0),
        [VECTORS[1:4]] * 3,
        generator=[torch.Generator().manual_seed(seed) for seed in range(3)],
        num_inference_steps=3,
        output_type="latent",
    ).images
    guessed = np.stack([one.vector for one in generator.generate(requests) if one.vector is not None])
    assert np.allclose(guessed, generator.pipeline.vectors(latents).numpy(), atol=1e-5)
    assert np.linalg.norm(guessed, axis=1) == pytest.approx(1, abs=1e-5)


def shown_at(picture: Picture | None, side: int) -> Picture | None:
    """Open the same picture for every size."""
    return picture


def with_pictures(
    *shown: Picture | None, weights: Sequence[float] = (1.0, 1.0, 1.0)
) -> tuple[Reference, ...]:
    """The neighbours, with these pictures and weights."""
    return tuple(
        replace(near, picture=partial(shown_at, picture), weight=weight)
        for near, picture, weight in zip(NEIGHBOURS, shown, weights, strict=True)
    )


def started(generator: BuiltinGenerator, references: tuple[Reference, ...], **wishes: Any) -> Generated:
    options = {"neighbour_strength": wishes.pop("neighbour_strength", 0.5)}
    request = replace(REQUEST, references=references, options=options)
    [made] = generator.generate([replace(request, **wishes)])
    return made


def test_candidates_start_from_the_pictures_of_the_nearest_neighbours_in_turn(
    generator: BuiltinGenerator, scenery: Picture
) -> None:
    red, blue = (pillow.new("RGB", (LARGE, LARGE), colour) for colour in ("red", "blue"))
    for candidate, first in enumerate((red, blue, red)):
        made = started(generator, with_pictures(red, blue, scenery), candidate=candidate)
        same = started(generator, NEIGHBOURS, candidate=candidate, init=first, strength=0.5)
        assert np.array_equal(pixels(made.picture()), pixels(same.picture()))
        assert (made.settings["neighbour_strength"], same.settings["neighbour_strength"]) == (0.5, 1.0)


def test_candidates_do_not_start_from_neighbours_without_a_picture_or_a_weight(
    generator: BuiltinGenerator, scenery: Picture
) -> None:
    only = started(generator, with_pictures(None, scenery, None), candidate=1)
    weightless = started(generator, with_pictures(scenery, None, None, weights=(0.0, 1.0, 1.0)))
    noise = started(generator, with_pictures(None, None, None, weights=(0.0, 1.0, 1.0)))

    assert only.settings["neighbour_strength"] == 0.5
    assert weightless.settings["neighbour_strength"] == 1.0
    assert np.array_equal(pixels(weightless.picture()), pixels(noise.picture()))


def test_a_strength_of_one_starts_from_noise_alone(generator: BuiltinGenerator, scenery: Picture) -> None:
    whole = started(generator, with_pictures(scenery, None, None), neighbour_strength=1.0)
    [noise] = generator.generate([REQUEST])
    assert np.array_equal(pixels(whole.picture()), pixels(noise.picture()))
    assert whole.settings["neighbour_strength"] == 1.0


def test_an_init_image_of_the_user_replaces_those_of_the_neighbours(
    generator: BuiltinGenerator, scenery: Picture
) -> None:
    red = pillow.new("RGB", (LARGE, LARGE), "red")
    theirs = started(generator, with_pictures(red, red, red), init=scenery, strength=0.4)
    plain = started(generator, NEIGHBOURS, init=scenery, strength=0.4)
    assert np.array_equal(pixels(theirs.picture()), pixels(plain.picture()))
    assert theirs.settings["neighbour_strength"] == 1.0


def test_stopping_keeps_the_batches_that_were_finished(generator: BuiltinGenerator) -> None:
    requests = [replace(REQUEST, seed=seed) for seed in range(2 * BATCH)]
    steps: list[Step] = []

    def stop_in_the_second_batch(step: Step) -> bool:
        steps.append(step)
        return len(steps) < 5

    assert len(list(generator.generate(requests, on_step=stop_in_the_second_batch))) == BATCH
    assert [step.index for step in steps] == [1, 2, 3, 1, 2]
    assert {step.total for step in steps} == {3}
    assert [step.share for step in steps] == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6])
    assert [picture.size for picture in steps[0].preview()] == [(LARGE, LARGE)] * BATCH


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"space": "other:1"}, "other:1"),
        ({"vector": np.ones(3, dtype=np.float32)}, "(3,)"),
        ({"references": (Reference("n", np.ones(5, dtype=np.float32)),)}, "(5,)"),
        ({"references": NEIGHBOURS * 30}, "90 neighbours"),
        ({"references": (Reference("n", VECTORS[1], weight=-1.0),)}, "weight"),
        ({"size": (640, 480)}, "640x480"),
        ({"num_inference_steps": 0}, "steps is 0,"),
        ({"num_inference_steps": 10_000}, "steps is 10000,"),
        ({"strength": 0.0}, "`strength` is 0.0"),
        ({"strength": 1.5}, "`strength` is 1.5"),
        ({"strength": float("nan")}, "`strength` is nan"),
        ({"guidance_scale": -1.0}, "`guidance_scale` is -1.0"),
        ({"options": {"image_guidance_scale": float("inf")}}, "`image_guidance_scale` is inf"),
        ({"options": {"neighbour_strength": 0.0}}, "`neighbour_strength` is 0.0, but must be above 0"),
        ({"options": {"neighbour_strength": "0.5"}}, "must be of the type float"),
        ({"options": {"precision": "int3"}}, "must be one of float32, bfloat16"),
        ({"options": {"eta": 0.5}}, "has no option `eta`"),
        ({"mask": pillow.new("L", (8, 8))}, "no picture to lie on"),
        ({"mask": pillow.new("L", (8, 8)), "init": pillow.new("RGB", (8, 8))}, "nothing would be made anew"),
        ({"fit": "squash"}, "`fit` is 'squash'"),
    ],
)
def test_requests_that_it_does_not_allow_are_refused_before_anything_is_made(
    generator: BuiltinGenerator, changes: dict[str, Any], says: str
) -> None:
    steps: list[Step] = []
    with pytest.raises(GenerationError) as raised:
        list(generator.generate([REQUEST, replace(REQUEST, **changes)], on_step=steps.append))
    assert says in raised.value.message
    assert raised.value.hint
    assert not steps


def test_folder_without_a_generator_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no generator") as raised:
        open_generator(tmp_path)
    assert "phosphene train diffusion" in raised.value.hint


def copied(folder: Path, into: Path) -> Path:
    shutil.copytree(folder, into)
    return next(into.glob("denoiser/*.safetensors"))


def test_cut_off_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    weights = copied(folder, tmp_path / "copied")
    assert digest(tmp_path / "copied") == digest(folder)
    weights.write_bytes(weights.read_bytes()[:1000])
    assert digest(tmp_path / "copied") != digest(folder)
    with pytest.raises(ModelError, match="cannot be loaded"):
        open_generator(tmp_path / "copied")


def test_missing_weights_are_refused_and_not_initialised_at_random(folder: Path, tmp_path: Path) -> None:
    weights = copied(folder, tmp_path / "copied")
    save_file({name: one for name, one in load_file(weights).items() if "pool_score" not in name}, weights)
    with pytest.raises(ModelError, match=r"denoiser lacks image_proj\.pool_score\.bias \(2 in all\)"):
        open_generator(tmp_path / "copied")


# ── folders of an earlier version ─────────────────────────────────────────────────────────


def under_former_names(folder: Path, into: Path) -> Path:
    """A copy of a generator, with the names that an earlier version gave to its parts."""
    shutil.copytree(folder, into)
    for network in ("autoencoder", "denoiser", "latent_encoder"):
        former = {new: old for old, new in former_names.WEIGHTS[network].items()}
        file = into / network / saved.WEIGHTS
        weights = load_file(file)
        save_file(
            {".".join(former.get(part, part) for part in name.split(".")): weights[name] for name in weights},
            file,
        )
        rename_settings(into / network / saved.CONFIG, "size" if network == "autoencoder" else "grid")
    rename_settings(into / saved.INDEX, "")
    (into / "latent_encoder").rename(into / "reader")
    return into


def rename_settings(file: Path, sample_size: str) -> None:
    former = {new: old for old, new in former_names.SETTINGS.items()} | {"sample_size": sample_size}
    settings = json.loads(file.read_text())
    file.write_text(json.dumps({former.get(name, name): value for name, value in settings.items()}))


def test_a_generator_of_an_earlier_version_makes_the_same_pictures(
    generator: BuiltinGenerator, folder: Path, tmp_path: Path
) -> None:
    former = under_former_names(folder, tmp_path / "former")
    assert "enter.weight" in load_file(former / "denoiser" / saved.WEIGHTS)
    assert json.loads((former / "denoiser" / saved.CONFIG).read_text())["pieces"] == 4
    [today] = generator.generate([REQUEST])
    [then] = open_generator(former, "cpu").generate([REQUEST])
    assert np.array_equal(pixels(today.picture()), pixels(then.picture()))
    assert then.settings == today.settings


def test_a_setting_with_both_its_former_and_its_present_name_is_refused(folder: Path, tmp_path: Path) -> None:
    copied(folder, tmp_path / "copied")
    edit(tmp_path / "copied" / "denoiser" / "config.json", depth=LATENT_CHANNELS)
    with pytest.raises(ModelError, match="twice, with its former name"):
        open_generator(tmp_path / "copied", "cpu")


def with_scheduler(folder: Path, into: Path, scheduler: Any) -> Path:
    """A copy of a generator with another scheduler."""
    copied(folder, into)
    scheduler.save_pretrained(into / "scheduler")
    return into


@pytest.mark.parametrize("other", [DPMSolverMultistepScheduler, EulerDiscreteScheduler])
def test_the_scheduler_of_a_folder_is_used_and_is_part_of_its_digest(
    generator: BuiltinGenerator, folder: Path, tmp_path: Path, other: Any
) -> None:
    scheduler = other.from_config(generator.pipeline.scheduler.config)
    changed = open_generator(with_scheduler(folder, tmp_path / "changed", scheduler), "cpu")
    assert type(changed.pipeline.scheduler) is other
    assert changed.capabilities.weights != generator.capabilities.weights
    [usual], [made] = generator.generate([REQUEST]), changed.generate([REQUEST])
    assert not np.array_equal(pixels(usual.picture()), pixels(made.picture()))


def test_a_folder_without_a_scheduler_has_the_default_one(folder: Path, tmp_path: Path) -> None:
    copied(folder, tmp_path / "copied")
    shutil.rmtree(tmp_path / "copied" / "scheduler")
    assert digest(tmp_path / "copied") == digest(folder)


def test_recipes_know_the_built_in_generator_by_this_digest() -> None:
    """It changes only with the pictures. Then CHANGELOG.md has to say so."""
    assert digest(DIFFUSION_FOLDER) == "81d4716bb6ff8f342b70bc4721676bf14bec4753945a4c0193c41d1c916ee74e"


def test_weights_that_were_published_again_keep_their_first_digest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(former_names.DIGESTS, digest(folder), "first")
    assert digest(folder) == "first"


# ── folders of strangers ──────────────────────────────────────────────────────────────────


def edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("model_index.json", {"denoiser": ["evil", "Evil"]}),
        ("model_index.json", {"scheduler": ["evil", "Evil"]}),
        ("model_index.json", {"_class_name": ["evil", "Evil"], "_name_or_path": "/etc"}),
        ("denoiser/config.json", {"_class_name": "evil.Evil"}),
    ],
)
def test_names_of_classes_and_modules_are_not_followed(
    folder: Path, tmp_path: Path, file: str, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    copied(folder, tmp_path / "copied")
    (tmp_path / "evil.py").write_text(f"import os; os.mkdir({str(tmp_path / 'it-ran')!r})")
    shutil.copy(tmp_path / "evil.py", tmp_path / "copied" / "denoiser")
    monkeypatch.syspath_prepend(tmp_path)
    edit(tmp_path / "copied" / file, **changes)

    assert open_generator(tmp_path / "copied", "cpu").capabilities.weights == digest(folder)
    assert not (tmp_path / "it-ran").exists()


@pytest.mark.parametrize(
    ("file", "changes", "says"),
    [
        ("model_index.json", {"custom_pipeline": "evil/repo"}, "custom_pipeline"),
        ("model_index.json", {"upscaler": ["os", "system"]}, "upscaler"),
        ("model_index.json", {"num_inference_steps": 10**9}, "num_inference_steps"),
        ("model_index.json", {"candidates": "4"}, "candidates"),
        ("model_index.json", {"guidance_scale": 1e400}, "guidance_scale"),
        ("model_index.json", {"dimension": 7}, "dimension"),
        ("model_index.json", {"space": ["x"]}, "space"),
        ("denoiser/config.json", {"auto_map": {"AutoModel": "evil.Evil"}}, "auto_map"),
        ("denoiser/config.json", {"quantization_config": {}}, "quantization_config"),
        ("denoiser/config.json", {"block_out_channels": [10**9, 10**9]}, "block_out_channels"),
        ("denoiser/config.json", {"block_out_channels": [4096] * 8, "layers_per_block": [32] * 8}, "not"),
        ("denoiser/config.json", {"layers_per_block": [10**9, 1]}, "layers_per_block"),
        ("denoiser/config.json", {"sample_size": 3}, "sample_size"),
        ("denoiser/config.json", {"num_attention_heads": 3}, "num_attention_heads"),
        ("denoiser/config.json", {"cross_attention_dim": 4096}, "not"),
        ("autoencoder/config.json", {"sample_size": 10**6}, "sample_size"),
        ("autoencoder/config.json", {"block_out_channels": [16, 16]}, "cannot be loaded"),
        ("latent_encoder/config.json", {"latent_channels": 3}, "not"),
        ("scheduler/scheduler_config.json", {"_class_name": "evil.Evil"}, "evil.Evil"),
        ("scheduler/scheduler_config.json", {"_class_name": ["os", "system"]}, "system"),
        ("scheduler/scheduler_config.json", {"_class_name": "DDIMScheduler"}, "DDIMScheduler"),
        ("scheduler/scheduler_config.json", {"auto_map": {"Scheduler": "evil.Evil"}}, "auto_map"),
        ("scheduler/scheduler_config.json", {"solver_order": 10**9}, "solver_order"),
        ("scheduler/scheduler_config.json", {"num_train_timesteps": 10**12}, "num_train_timesteps"),
        ("scheduler/scheduler_config.json", {"trained_betas": [0.1] * 1000}, "trained_betas"),
        ("scheduler/scheduler_config.json", {"flow_shift": "3"}, "flow_shift"),
        ("scheduler/scheduler_config.json", {"solver_order": 7}, "solver_order"),
        ("scheduler/scheduler_config.json", {"solver_type": "evil"}, "cannot be loaded"),
        ("scheduler/scheduler_config.json", {"use_dynamic_shifting": True}, "scheduler cannot be used"),
        ("scheduler/scheduler_config.json", {"solver_p": {"_class_name": "Evil"}}, "solver_p"),
        ("scheduler/scheduler_config.json", {"prediction_type": "epsilon"}, "prediction_type"),
        ("scheduler/scheduler_config.json", {"use_flow_sigmas": False}, "use_flow_sigmas"),
    ],
)
def test_odd_configurations_are_named_before_they_cost_memory(
    folder: Path, tmp_path: Path, file: str, changes: dict[str, Any], says: str
) -> None:
    copied(folder, tmp_path / "copied")
    edit(tmp_path / "copied" / file, **changes)

    with pytest.raises(ModelError, match="cannot be loaded") as raised:
        open_generator(tmp_path / "copied", "cpu")
    assert says in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize("content", [b"", b"[]", b"[" * 100_000, b"\xff", b'{"steps": ' + b"9" * 5000 + b"}"])
def test_odd_files_of_a_generator_are_named(folder: Path, tmp_path: Path, content: bytes) -> None:
    for file in (
        "model_index.json",
        "latent_encoder/config.json",
        "latent_encoder/diffusion_pytorch_model.safetensors",
    ):
        shutil.rmtree(tmp_path / "copied", ignore_errors=True)
        copied(folder, tmp_path / "copied")
        (tmp_path / "copied" / file).write_bytes(content)
        with pytest.raises(ModelError, match="cannot be loaded"):
            open_generator(tmp_path / "copied", "cpu")


def test_links_out_of_a_generator_and_pickles_are_not_read(folder: Path, tmp_path: Path) -> None:
    weights = copied(folder, tmp_path / "copied")
    weights.rename(tmp_path / "outside.safetensors")
    weights.symlink_to(tmp_path / "outside.safetensors")
    with pytest.raises(ModelError, match="leads out of the folder"):
        open_generator(tmp_path / "copied", "cpu")
    weights.unlink()
    (weights.parent / "diffusion_pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'id'\ntR.")
    with pytest.raises(ModelError, match="is missing"):
        open_generator(tmp_path / "copied", "cpu")


def test_bfloat16_is_written_into_the_settings(folder: Path) -> None:
    [made] = open_generator(folder, "cpu", bfloat16=True).generate([REQUEST])
    assert made.settings["precision"] == "bfloat16"


def test_a_folder_with_the_former_name_of_a_network_is_the_same_generator(
    folder: Path, tmp_path: Path
) -> None:
    former = tmp_path / "former"
    shutil.copytree(folder, former)
    (former / "latent_encoder").rename(former / "reader")
    index = json.loads((former / "model_index.json").read_text())
    index["reader"] = ["phosphene.nets.reader", "Reader"]
    del index["latent_encoder"]
    (former / "model_index.json").write_text(json.dumps(index))
    assert saved.digest(former) == saved.digest(folder)
    here, there = saved.read(folder).latent_encoder, saved.read(former).latent_encoder
    assert all(torch.equal(weight, there.state_dict()[name]) for name, weight in here.state_dict().items())


def test_diffusers_loads_the_shipped_generator() -> None:
    loaded = RetrievalPipeline.from_pretrained(DIFFUSION_FOLDER)
    assert set(loaded.components) == {"autoencoder", "denoiser", "latent_encoder", "scheduler"}
