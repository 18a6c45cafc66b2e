"""Networks in GGUF files: with a folder for the rest, whole or refused."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from checkpoint_files import OTHER, BuildCheckpoint, loaded
from command import lines, run
from phosphene.errors import MissingExtraError, ModelError
from phosphene.generation import Request
from phosphene.generators.diffusers.generator import DiffusersGenerator
from tiny_single_files import in_unet

pytestmark = pytest.mark.usefixtures("no_network")
gguf: Any = import_module("gguf")
PACKED = gguf.GGMLQuantizationType.Q8_0
BLOCK = 32  # numbers that are packed together


def written(weights: Mapping[str, Tensor], file: Path, architecture: str, base: Path) -> Path:
    """Write a GGUF file with packed matrices, and link its base beside it."""
    writer = gguf.GGUFWriter(str(file), architecture)
    for name, weight in weights.items():
        numbers = weight.float().numpy()
        if numbers.ndim == 2 and numbers.shape[1] % BLOCK == 0:
            writer.add_tensor(name, gguf.quants.quantize(numbers, PACKED), raw_dtype=PACKED)
        else:
            writer.add_tensor(name, numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    if not file.with_suffix("").exists():
        file.with_suffix("").symlink_to(base)
    return file


def unet_of(folder: Path, prefix: str) -> dict[str, Tensor]:
    """The weights of a folder's UNet as GGUF files have them."""
    unet = loaded(folder).components["unet"]
    return {prefix + in_unet(name, unet): weight for name, weight in unet.state_dict().items()}


def latents(path: Path, **request: Any) -> Any:
    """The pixels of a fixed request."""
    generator = DiffusersGenerator(loaded(path, OTHER))
    [made] = generator.generate([Request(seed=1, prompt="a dog", num_inference_steps=2, **request)])
    return np.asarray(made.picture(), dtype=np.float32)


@pytest.mark.parametrize("prefix", ["model.diffusion_model.", ""])
def test_a_unet_makes_nearly_the_same_picture(
    checkpoint: BuildCheckpoint, tmp_path: Path, prefix: str
) -> None:
    folder = checkpoint("sd15")
    file = written(unet_of(folder, prefix), tmp_path / "packed.gguf", "sd1", folder)

    assert np.abs(latents(file) - latents(folder)).mean() < 3  # of 255 grey levels


def test_a_file_gets_a_name_and_is_checked(checkpoint: BuildCheckpoint, tmp_path: Path) -> None:
    folder = checkpoint("sd15")
    file = written(unet_of(folder, ""), tmp_path / "packed.gguf", "sd1", folder)

    assert lines("models", "add", file)[0]["family"] == "sd15"
    assert lines("models", "check", "packed")[0]["width"] == 64
    run("models", "remove", "packed")


def test_weights_stay_packed(checkpoint: BuildCheckpoint, tmp_path: Path) -> None:
    folder = checkpoint("flux1")
    transformer = loaded(folder).components["transformer"]
    file = written(transformer.state_dict(), tmp_path / "packed.gguf", "flux", folder)

    found, whole = loaded(file), loaded(folder)

    kinds = {type(weight).__name__ for weight in found.components["transformer"].parameters()}
    assert "GGUFParameter" in kinds
    assert found.family.name == "flux1"
    assert found.size_in_memory and whole.size_in_memory and found.size_in_memory < whole.size_in_memory
    assert found.weights != whole.weights


def test_missing_and_misshapen_weights_are_named(checkpoint: BuildCheckpoint, tmp_path: Path) -> None:
    folder, file = checkpoint("flux1"), tmp_path / "packed.gguf"
    weights = loaded(folder).components["transformer"].state_dict()

    written({**weights, "proj_out.bias": torch.zeros(3)}, file, "flux", folder)
    with pytest.raises(ModelError, match=r"transformer \(misshapen: proj_out\.bias is 3 instead of 64\)"):
        loaded(file)

    del weights["proj_out.bias"]
    written(weights, file, "flux", folder)
    with pytest.raises(ModelError, match=r"transformer \(missing: proj_out\.bias\)"):
        loaded(file)


def test_files_without_a_base_and_other_files_are_refused(
    checkpoint: BuildCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOSPHENE_HOME", str(tmp_path / "home"))
    alone = written({"x": torch.zeros(2)}, tmp_path / "alone.gguf", "flux", tmp_path / "nowhere")
    with pytest.raises(ModelError, match="there is no checkpoint with the rest of `flux1`") as refused:
        loaded(alone)
    assert "phosphene models fetch flux1" in refused.value.hint

    other = written({"x": torch.zeros(2)}, tmp_path / "other.gguf", "llama", checkpoint("sd15"))
    with pytest.raises(ModelError, match="of the architecture `llama`"):
        loaded(other)

    (tmp_path / "cut.gguf").write_bytes(alone.read_bytes()[:40])
    with pytest.raises(ModelError, match="is not a GGUF file, or it is truncated"):
        loaded(tmp_path / "cut.gguf")


def test_without_the_extra_the_error_says_how_to_get_it(
    checkpoint: BuildCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phosphene.extras.find_spec", lambda name: None)

    with pytest.raises(MissingExtraError) as refused:
        loaded(tmp_path / "packed.gguf")
    assert "phosphene[gguf]" in refused.value.hint
