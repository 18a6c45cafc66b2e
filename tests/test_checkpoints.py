"""Checkpoints in folders of diffusers: whole or refused, and data but never code."""

import shutil
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as pillow
from safetensors.torch import load_file, save_file

from checkpoint_files import (
    OTHER,
    SPACE,
    BuildCheckpoint,
    changed,
    configured,
    loaded,
    same_weights,
    weights_of,
)
from phosphene.errors import ModelError
from phosphene.generators.diffusers.families import FAMILIES, VIT_H
from phosphene.generators.diffusers.recognition import family_of_folder
from phosphene.vectors import Pixels

pytestmark = pytest.mark.usefixtures("no_network")
diffusers: Any = import_module("diffusers")


def photograph() -> pillow.Image:
    small = np.random.default_rng(1).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    return pillow.fromarray(small).resize((96, 80))


@pytest.mark.parametrize("name", ["sd15", "sdxl", "kandinsky22", "unclip", "flux1"])
def test_a_folder_has_the_components_that_diffusers_loads(checkpoint: BuildCheckpoint, name: str) -> None:
    found = loaded(checkpoint(name))

    whole = diffusers.DiffusionPipeline.from_pretrained(checkpoint(name), local_files_only=True)
    assert found.family.name == name
    assert found.size == (64, 64)
    for component, module in whole.components.items():
        if isinstance(module, torch.nn.Module):
            assert same_weights(found.components[component], module)
        else:
            assert type(found.components[component]) is type(module)


@pytest.mark.parametrize("name", ["kandinsky22", "unclip"])
def test_the_image_encoder_makes_the_vectors_that_the_networks_own_do(
    checkpoint: BuildCheckpoint, name: str
) -> None:
    from tiny_checkpoints import MEAN, STD, image_encoder

    encoder = loaded(checkpoint(name)).image_encoder
    assert encoder
    pixels: Pixels = encoder.prepare(photograph())
    embedded = encoder.pictures([pixels, pixels])

    inputs = (torch.tensor(pixels).permute(2, 0, 1).float() / 255 - torch.tensor(MEAN)[:, None, None]) / (
        torch.tensor(STD)[:, None, None]
    )
    expected = image_encoder()(inputs[None]).image_embeds.detach().numpy()[0]
    assert embedded.vectors.shape == (2, 64)
    assert np.allclose(embedded.vectors[0] * embedded.norms[0], expected, rtol=1e-4, atol=1e-5)
    assert np.allclose(np.linalg.norm(embedded.vectors, axis=1), 1)


def test_a_library_of_the_familys_own_model_is_in_the_same_space(checkpoint: BuildCheckpoint) -> None:
    same, other = loaded(checkpoint("unclip"), SPACE), loaded(checkpoint("unclip"), OTHER)

    assert same.space == SPACE.id
    assert other.space is not None and other.space.startswith(f"{VIT_H}:")
    assert other.image_encoder and other.image_encoder.space.name == VIT_H
    assert (same.reads_vectors, same.dimension) == (True, 64)


def test_a_family_that_needs_its_image_encoder_says_so(copied: BuildCheckpoint) -> None:
    folder = copied("kandinsky22")
    shutil.rmtree(folder / "image_encoder")

    with pytest.raises(ModelError, match="needs the image encoder of its family") as refused:
        loaded(folder)
    assert "models fetch kandinsky22" in refused.value.hint


@pytest.mark.parametrize(
    ("component", "name"),
    [
        ("unet", "conv_out.weight"),
        ("vae", "decoder.conv_in.bias"),
        ("text_encoder", "final_layer_norm.weight"),
    ],
)
def test_missing_and_misshapen_weights_are_named(copied: BuildCheckpoint, component: str, name: str) -> None:
    folder = copied("sd15")
    file = weights_of(folder / component)

    changed(file, lambda weights: weights.update({name: weights[name][:-1]}))
    with pytest.raises(ModelError, match=rf"{component} \(misshapen: {name} is .* instead of"):
        loaded(folder)

    changed(file, lambda weights: weights.pop(name))
    with pytest.raises(ModelError, match=rf"not whole: {component} \(missing: {name}\)"):
        loaded(folder)


def test_all_components_that_are_not_whole_stand_in_one_error(copied: BuildCheckpoint) -> None:
    folder = copied("sdxl")
    changed(weights_of(folder / "unet"), lambda weights: weights.pop("conv_in.bias"))
    changed(weights_of(folder / "text_encoder_2"), lambda weights: weights.pop("text_projection.weight"))

    with pytest.raises(ModelError, match=r"unet .*text_encoder_2|text_encoder_2 .*unet"):
        loaded(folder)


def test_weights_of_another_network_are_refused(copied: BuildCheckpoint) -> None:
    folder = copied("sd15")
    changed(
        weights_of(folder / "unet"), lambda weights: weights.update({"add_embedding.bias": torch.ones(1)})
    )

    with pytest.raises(ModelError, match=r"unet \(unexpected: add_embedding.bias\)"):
        loaded(folder)


def test_names_of_older_versions_are_read(copied: BuildCheckpoint, checkpoint: BuildCheckpoint) -> None:
    folder = copied("sd15")
    file = weights_of(folder / "text_encoder")
    older = {f"text_model.{name}": weight for name, weight in load_file(file).items()}
    save_file(older | {"text_model.embeddings.position_ids": torch.arange(77)[None]}, file)
    former = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}

    def rename(weights: dict[str, torch.Tensor]) -> None:
        for name in [name for name in weights if "mid_block.attentions.0" in name]:
            for new, old in former.items():
                if f".{new}." in name:
                    weights[name.replace(new, old)] = weights.pop(name)

    changed(weights_of(folder / "vae"), rename)

    new, old = loaded(checkpoint("sd15")), loaded(folder)
    for name in ("text_encoder", "vae"):
        assert same_weights(old.components[name], new.components[name])


def test_a_language_model_may_be_saved_with_or_without_its_head(
    copied: BuildCheckpoint, checkpoint: BuildCheckpoint
) -> None:
    folder = copied("z_image")
    file = weights_of(folder / "text_encoder")
    weights = {f"model.{name.removeprefix('model.')}": each for name, each in load_file(file).items()}
    save_file(weights | {"lm_head.weight": torch.zeros(2, 2)}, file)

    whole, other = loaded(checkpoint("z_image")), loaded(folder)

    assert same_weights(other.components["text_encoder"], whole.components["text_encoder"])


def test_the_names_of_qwens_text_encoder_may_be_old_or_new(
    copied: BuildCheckpoint, checkpoint: BuildCheckpoint
) -> None:
    folder = copied("qwen_image")
    file = weights_of(folder / "text_encoder")
    old, norm = load_file(file), "model.layers.0.input_layernorm.weight"
    assert norm in old and any(name.startswith("visual.") for name in old)
    beginnings = {"model.": "model.language_model.", "visual.": "model.visual.", "lm_head": "lm_head"}
    new = {
        now + name.removeprefix(former): weight
        for name, weight in old.items()
        for former, now in beginnings.items()
        if name.startswith(former)
    }
    save_file(new, file)

    assert same_weights(
        loaded(folder).components["text_encoder"],
        loaded(checkpoint("qwen_image")).components["text_encoder"],
    )

    save_file({name: weight for name, weight in old.items() if name != norm}, file)
    with pytest.raises(ModelError, match=r"text_encoder \(missing: model\.language_model\.layers\.0\.input"):
        loaded(folder)


@pytest.mark.parametrize(
    ("file", "settings", "family"),
    [
        ("unet/config.json", {}, "sd15"),
        ("unet/config.json", {"cross_attention_dim": 1024}, "sd21"),
        ("vae/config.json", {"_class_name": "AutoencoderTiny"}, "sdxs"),
        ("scheduler/scheduler_config.json", {"timestep_spacing": "trailing"}, "sd-turbo"),
    ],
)
def test_families_that_share_a_class_are_told_apart(
    copied: BuildCheckpoint, file: str, settings: dict[str, object], family: str
) -> None:
    folder = copied("sd15")
    configured(folder / file, **settings)

    assert family_of_folder(folder).name == family
    assert family_of_folder(folder, FAMILIES["sd21"]).name == "sd21"


def test_quantised_networks_in_folders_are_refused(copied: BuildCheckpoint) -> None:
    folder = copied("sd15")
    configured(folder / "unet" / "config.json", quantization_config={"quant_method": "bitsandbytes"})
    with pytest.raises(ModelError, match="is of a quantised network"):
        loaded(folder)


def test_a_truncated_file_is_refused_before_anything_is_loaded(copied: BuildCheckpoint) -> None:
    folder = copied("sd15")
    file = weights_of(folder / "vae")
    file.write_bytes(file.read_bytes()[:-1000])

    with pytest.raises(ModelError, match="truncated"):
        loaded(folder)


def test_pickles_are_refused_by_name(copied: BuildCheckpoint) -> None:
    folder = copied("sd15")
    file = weights_of(folder / "unet")
    file.rename(file.with_suffix(".bin"))

    with pytest.raises(ModelError, match=r"diffusion_pytorch_model\.bin` is a pickle") as refused:
        loaded(folder)
    assert "safetensors" in refused.value.hint


def test_half_precision_is_taken_where_there_is_nothing_else(copied: BuildCheckpoint) -> None:
    folder = copied("sd15")
    for name in ("unet", "text_encoder"):
        file = weights_of(folder / name)
        halves = {key: weight.half() for key, weight in load_file(file).items()}
        save_file(halves, file.with_name(file.name.replace(".", ".fp16.", 1)))
        file.unlink()

    found = loaded(folder)

    assert {found.components[name].dtype for name in ("unet", "vae", "text_encoder")} == {torch.float32}


def test_a_checkpoint_in_parts_is_read(copied: BuildCheckpoint, checkpoint: BuildCheckpoint) -> None:
    folder = copied("flux1")
    for name in ("transformer", "text_encoder_2"):
        component = loaded(checkpoint("flux1")).components[name]
        weights_of(folder / name).unlink()
        component.save_pretrained(folder / name, max_shard_size="100KB" if name == "transformer" else "20KB")
        assert len(list((folder / name).glob("*-of-*.safetensors"))) > 1

    whole, parts = loaded(checkpoint("flux1")), loaded(folder)
    for name in ("transformer", "text_encoder_2"):
        assert same_weights(parts.components[name], whole.components[name])

    next((folder / "transformer").glob("*-of-*.safetensors")).unlink()
    with pytest.raises(ModelError, match="is missing"):
        loaded(folder)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (["os", "system"], "class `system`"),
        (["modeling_evil", "EvilModel"], "class `EvilModel`"),
        (["diffusers", "UNet2DConditionModel"], "is missing"),
    ],
)
def test_classes_are_looked_up_and_never_imported(
    copied: BuildCheckpoint, entry: list[str], message: str
) -> None:
    folder = copied("sd15")
    configured(folder / "model_index.json", extra=entry)

    with pytest.raises(ModelError, match=message):
        loaded(folder)


def test_settings_cannot_name_code_or_build_for_ever(copied: BuildCheckpoint) -> None:
    folder = copied("sd15")
    evil = {"auto_map": {"AutoModel": "evil.Evil"}, "_attn_implementation": "someone/kernel"}
    configured(folder / "text_encoder" / "config.json", **evil)
    config = loaded(folder).components["text_encoder"].config
    assert not hasattr(config, "auto_map")

    configured(folder / "text_encoder" / "config.json", num_hidden_layers=10**9)
    with pytest.raises(ModelError, match="odd value of `num_hidden_layers`: 1000000000"):
        loaded(folder)


def test_a_folder_of_an_unknown_family_is_refused(copied: BuildCheckpoint) -> None:
    folder = copied("sd15")
    configured(folder / "model_index.json", _class_name="DanceDiffusionPipeline")

    with pytest.raises(ModelError, match="`DanceDiffusionPipeline`, and phosphene has no such family"):
        loaded(folder)


def test_the_identity_counts_weights_settings_and_tokenizers(copied: BuildCheckpoint) -> None:
    folder = copied("sd15")
    before = loaded(folder).weights
    assert loaded(folder).weights == before

    changed(weights_of(folder / "vae"), lambda weights: weights["decoder.conv_in.bias"].add_(1))
    after = loaded(folder).weights
    assert after != before

    configured(folder / "unet" / "config.json", sample_size=16)
    assert loaded(folder).weights not in (before, after)


def test_a_folder_without_a_component_is_refused(copied: BuildCheckpoint) -> None:
    folder = copied("sd15")
    configured(folder / "model_index.json", vae=[None, None])

    with pytest.raises(ModelError, match="has no `vae`"):
        loaded(folder)
