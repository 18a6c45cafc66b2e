"""IP-Adapters: found beside a checkpoint or named, whole or refused, and the encoder that goes with them."""

import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from checkpoint_files import OTHER, SPACE, BuildCheckpoint, changed, loaded, same_weights, weights_of
from phosphene.errors import ModelError
from phosphene.generators.diffusers.adapters import read_adapter
from tiny_families import picture

pytestmark = pytest.mark.usefixtures("no_network")
WITH_ADAPTER = ["sd15", "sdxl", "flux1"]


def parts_of(adapter: Path) -> Path:
    """The folder that the builder of an adapter made."""
    return adapter.parents[1] if adapter.parent.name == "models" else adapter.parent


@pytest.fixture
def adapter(checkpoint: BuildCheckpoint, tmp_path: Path) -> Path:
    """A copy of the IP-Adapter of SD 1.5, which a test may change."""
    file = checkpoint("ip_adapter_sd15")
    return Path(shutil.copytree(parts_of(file), tmp_path / "adapter")) / file.relative_to(parts_of(file))


@pytest.mark.parametrize("name", WITH_ADAPTER)
def test_a_named_adapter_is_loaded_with_the_encoder_beside_it(checkpoint: BuildCheckpoint, name: str) -> None:
    without = loaded(checkpoint(name), OTHER)
    found = loaded(checkpoint(name), OTHER, adapter=checkpoint(f"ip_adapter_{name}"))

    assert (without.reads_vectors, without.dimension, without.space) == (False, None, None)
    assert (found.reads_vectors, found.dimension) == (True, 64)
    assert found.image_encoder and found.space == found.image_encoder.space.id
    assert found.weights != without.weights
    network = found.components.get("unet") or found.components["transformer"]
    assert network.encoder_hid_proj is not None
    assert not any(weight.requires_grad for weight in network.parameters())


def test_the_encoder_makes_what_the_adapters_own_network_does(checkpoint: BuildCheckpoint) -> None:
    from tiny_checkpoints import MEAN, STD, image_encoder

    encoder = loaded(checkpoint("sd15"), adapter=checkpoint("ip_adapter_sd15")).image_encoder
    assert encoder
    pixels = encoder.prepare(picture(1, 96))
    embedded = encoder.pictures([pixels])

    scaled = torch.tensor(pixels).permute(2, 0, 1)[None].float() / 255
    mean, std = (torch.tensor(each)[:, None, None] for each in (MEAN, STD))
    expected = image_encoder()((scaled - mean) / std).image_embeds.detach().numpy()
    assert np.allclose(embedded.vectors * embedded.norms[:, None], expected, rtol=1e-4, atol=1e-5)
    assert encoder.pictures([]).vectors.shape == (0, 64)


def test_an_adapter_in_the_checkpoints_folder_is_found(
    copied: BuildCheckpoint, checkpoint: BuildCheckpoint
) -> None:
    folder, file = copied("sd15"), checkpoint("ip_adapter_sd15")
    shutil.copytree(file.parent, folder / "models")

    found = loaded(folder)

    assert (found.reads_vectors, found.space) == (True, SPACE.id)
    assert found.weights == loaded(checkpoint("sd15"), adapter=file).weights


def test_without_its_encoder_an_adapter_reads_vectors_of_libraries_of_its_model(
    adapter: Path, checkpoint: BuildCheckpoint
) -> None:
    shutil.rmtree(adapter.parent / "image_encoder")

    same, other = (loaded(checkpoint("sd15"), space, adapter=adapter) for space in (SPACE, OTHER))

    assert (same.space, same.image_encoder) == (SPACE.id, None)
    assert (other.space, other.image_encoder, other.reads_vectors) == (None, None, True)


def test_the_folder_of_an_encoder_may_have_a_whole_clip(adapter: Path, checkpoint: BuildCheckpoint) -> None:
    transformers: Any = import_module("transformers")
    folder = adapter.parent / "image_encoder"
    tower = transformers.CLIPVisionModelWithProjection.from_pretrained(folder)
    config = {**tower.config.to_dict(), "model_type": "clip_vision_model"}
    texts = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    whole = transformers.CLIPModel(
        transformers.CLIPConfig(text_config=texts, vision_config=config, projection_dim=64)
    )
    whole.load_state_dict(tower.state_dict(), strict=False)
    shutil.rmtree(folder)
    whole.save_pretrained(folder)

    alone = loaded(checkpoint("sd15"), adapter=checkpoint("ip_adapter_sd15")).image_encoder
    found = loaded(checkpoint("sd15"), adapter=adapter).image_encoder

    assert alone is not None and found is not None
    pixels = [alone.prepare(picture(1, 96))]
    assert np.allclose(found.pictures(pixels).vectors, alone.pictures(pixels).vectors, atol=1e-6)


def test_an_encoder_of_another_dimension_is_not_taken(adapter: Path, checkpoint: BuildCheckpoint) -> None:
    from tiny_checkpoints import image_encoder

    other = image_encoder()
    other.visual_projection = torch.nn.Linear(64, 32, bias=False)
    other.config.projection_dim = 32
    other.save_pretrained(adapter.parent / "image_encoder")

    assert loaded(checkpoint("sd15"), adapter=adapter).image_encoder is None


def test_a_taesd_beside_the_checkpoint_is_loaded(copied: BuildCheckpoint) -> None:
    diffusers: Any = import_module("diffusers")
    folder = copied("sd15")
    assert loaded(folder).tiny_vae is None

    tiny = diffusers.AutoencoderTiny(encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4)
    tiny.save_pretrained(folder / "taesd")
    found = loaded(folder).tiny_vae
    assert found is not None and same_weights(found, tiny)

    changed(weights_of(folder / "taesd"), lambda weights: weights.pop("decoder.layers.0.weight"))
    with pytest.raises(ModelError, match=r"not whole: tiny_vae \(missing: decoder\.layers\.0\.weight"):
        loaded(folder)


def test_missing_weights_of_an_adapter_are_named(adapter: Path, checkpoint: BuildCheckpoint) -> None:
    changed(adapter, lambda weights: weights.pop("ip_adapter.5.to_v_ip.weight"))

    with pytest.raises(ModelError, match=r"not whole.*missing: ip_adapter\.5\.to_v_ip\.weight"):
        loaded(checkpoint("sd15"), adapter=adapter)


def test_an_adapter_of_another_family_is_refused(checkpoint: BuildCheckpoint) -> None:
    assert read_adapter(checkpoint("ip_adapter_flux1")).family == "flux1"

    with pytest.raises(ModelError, match=r"is an IP-Adapter for `flux1`, but .* `sd15`") as refused:
        loaded(checkpoint("sd15"), adapter=checkpoint("ip_adapter_flux1"))
    assert "ip-adapter_sd15.safetensors" in refused.value.hint
    with pytest.raises(ModelError, match="for another network: missing"):
        loaded(checkpoint("sdxl"), adapter=checkpoint("ip_adapter_sd15"))


@pytest.mark.parametrize(("width", "family"), [(768, "sd15"), (2048, "sdxl"), (32, None)])
def test_the_family_of_an_adapter_follows_from_its_shapes(
    tmp_path: Path, width: int, family: str | None
) -> None:
    weights = {
        "image_proj.proj.weight": torch.zeros(4 * width, 8),
        "ip_adapter.1.to_k_ip.weight": torch.zeros(2, width),
    }
    save_file(weights, tmp_path / "adapter.safetensors")

    assert read_adapter(tmp_path / "adapter.safetensors").family == family


def test_adapters_that_read_patches_and_other_files_are_refused(tmp_path: Path, adapter: Path) -> None:
    plus = load_file(adapter)
    del plus["image_proj.proj.weight"]
    save_file(plus | {"image_proj.latents": torch.zeros(1, 16, 8)}, tmp_path / "plus.safetensors")
    with pytest.raises(ModelError, match="reads patches or faces"):
        read_adapter(tmp_path / "plus.safetensors")

    with pytest.raises(ModelError, match="is not an IP-Adapter"):
        read_adapter(weights_of(adapter.parent / "image_encoder"))

    pickled = adapter.rename(adapter.with_suffix(".bin"))
    with pytest.raises(ModelError, match="is a pickle"):
        read_adapter(pickled)
