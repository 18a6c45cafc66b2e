"""Checkpoints in one file: the same as their folders bit for bit, whole or refused, and without a network."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from PIL.Image import Image as Picture
from safetensors.torch import load_file, save_file

from checkpoint_files import BuildCheckpoint, changed, loaded, same_weights
from phosphene.errors import ModelError
from phosphene.generation import Request
from phosphene.generation.comparison import largest_difference
from phosphene.generators.diffusers import components as parts
from phosphene.generators.diffusers.folder import named_components
from phosphene.generators.diffusers.generator import DiffusersGenerator
from phosphene.generators.diffusers.single_file import CONFIGS
from tiny_single_files import single_file

pytestmark = pytest.mark.usefixtures("no_network")
# The numbers of weights that the authors and the model cards give.
TRUE_SIZES = {
    "sd15": {"unet": 859_520_964, "vae": 83_653_863, "text_encoder": 123_060_480},
    "sd21": {"unet": 865_910_724, "vae": 83_653_863, "text_encoder": 340_387_840},
    "sdxl": {
        "unet": 2_567_463_684,
        "vae": 83_653_863,
        "text_encoder": 123_060_480,
        "text_encoder_2": 694_659_840,
    },
}
INPUT = "model.diffusion_model.input_blocks.0.0.weight"


@pytest.fixture(scope="module")
def written(checkpoint: BuildCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> BuildCheckpoint:
    """A function that returns the single file of a family. All tests share it."""
    folder = tmp_path_factory.mktemp("files")
    return cache(lambda name: single_file(checkpoint(name), folder / f"{name}.safetensors"))


@pytest.fixture
def file(written: BuildCheckpoint, tmp_path: Path) -> Iterator[Path]:
    """A copy of the file of SD 1.5, beside a link to its settings. A test may change it."""
    copy = tmp_path / "dreams.safetensors"
    copy.write_bytes(written("sd15").read_bytes())
    copy.with_suffix("").symlink_to(written("sd15").with_suffix(""))
    yield copy


@pytest.mark.parametrize("name", ["sd15", "sdxl"])
def test_a_single_file_is_the_same_as_its_folder(
    checkpoint: BuildCheckpoint, written: BuildCheckpoint, name: str
) -> None:
    folder, one = loaded(checkpoint(name)), loaded(written(name))

    assert (one.family.name, one.size) == (name, folder.size)
    for component, module in folder.components.items():
        other = one.components[component]
        assert type(other) is type(module)
        if isinstance(module, torch.nn.Module):
            assert same_weights(other, module)
        elif "tokenizer" in component:
            words = ["a dog on a beach at night", "", "ünïcode 東京 !!"]
            assert (
                other(words, padding="max_length")["input_ids"]
                == module(words, padding="max_length")["input_ids"]
            )
        elif component == "scheduler":
            assert dict(other.config) == dict(module.config)


def test_a_single_file_makes_the_same_picture_as_its_folder(
    checkpoint: BuildCheckpoint, written: BuildCheckpoint
) -> None:
    request = Request(seed=1, prompt="a dog", num_inference_steps=2)
    pictures: list[Picture] = []
    for path in (checkpoint("sd15"), written("sd15")):
        generator = DiffusersGenerator(replace(loaded(path), image_encoder=None))
        [made] = generator.generate([replace(request, space=generator.capabilities.space)])
        pictures.append(made.picture())

    assert largest_difference(*pictures) == 0


@pytest.mark.parametrize("family", list(TRUE_SIZES))
def test_the_settings_that_phosphene_ships_are_of_the_true_size(family: str) -> None:
    sizes, tokenizers = {}, 0
    for name, kind in named_components(CONFIGS / family).items():
        component = parts.described(CONFIGS / family / name, name, kind)
        if component.kind.kind == "network":
            sizes[name] = sum(weight.numel() for weight in parts.blank(component).parameters())
        else:
            made = parts.load(component, torch.float32)
            tokenizers += component.kind.kind == "tokenizer" and len(made) == 49_408

    assert sizes == TRUE_SIZES[family]
    assert tokenizers == (2 if family == "sdxl" else 1)


@pytest.mark.parametrize(
    ("component", "name"),
    [
        ("unet", "model.diffusion_model.out.2.weight"),
        ("unet", "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"),
        ("vae", "first_stage_model.decoder.conv_in.bias"),
        ("text_encoder", "cond_stage_model.transformer.text_model.final_layer_norm.weight"),
    ],
)
def test_missing_and_misshapen_weights_of_a_file_are_named(file: Path, component: str, name: str) -> None:
    weights = load_file(file)

    save_file({key: each[:1] if key == name else each for key, each in weights.items()}, file)
    with pytest.raises(ModelError, match=rf"not whole: {component} \(misshapen: "):
        loaded(file)

    del weights[name]
    save_file(weights, file)
    with pytest.raises(ModelError, match=rf"not whole: {component} \(missing: "):
        loaded(file)


def test_a_file_without_a_vae_is_refused(file: Path) -> None:
    weights = {name: each for name, each in load_file(file).items() if not name.startswith("first_stage")}
    save_file(weights, file)

    with pytest.raises(ModelError, match=r"not whole: vae \(missing: .* more"):
        loaded(file)


def test_a_checkpoint_for_inpainting_is_refused(file: Path) -> None:
    changed(file, lambda weights: weights.update({INPUT: torch.zeros(32, 9, 3, 3)}))

    with pytest.raises(ModelError, match="is a checkpoint for inpainting"):
        loaded(file)


def test_files_that_are_no_checkpoints_and_pickles_are_refused(
    file: Path, tmp_path: Path, checkpoint: BuildCheckpoint
) -> None:
    with pytest.raises(ModelError, match="is not a checkpoint of `sdxl`, `sd21`, `sd15`"):
        loaded(checkpoint("ip_adapter_sd15"))

    for ending in (".ckpt", ".pt", ".bin"):
        with pytest.raises(ModelError, match="is a pickle") as refused:
            loaded(file.rename(tmp_path / f"dreams{ending}"))
        assert "safetensors" in refused.value.hint
        file = tmp_path / f"dreams{ending}"


def test_a_truncated_file_is_refused(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])

    with pytest.raises(ModelError, match="truncated"):
        loaded(file)
