"""LoRAs of diffusers and kohya: whole or refused, several at once, and with weight 0 the base."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from checkpoint_files import OTHER, BuildCheckpoint, changed, loaded, same_weights, tiny_library
from command import lines, run
from phosphene.errors import GenerationError, MissingExtraError, ModelError
from phosphene.generation import Additions, Request
from phosphene.generation.comparison import largest_difference
from phosphene.generators import open_generator
from phosphene.generators.diffusers.generator import DiffusersGenerator
from phosphene.generators.diffusers.lora import Lora, parse_lora
from phosphene.landscape import DIFFUSION_FOLDER

pytestmark = pytest.mark.usefixtures("no_network")
RANK = 2
TARGETS = (".to_k", ".to_v", ".to_q", ".to_out.0", ".q_proj", ".k_proj", ".v_proj", ".out_proj")


def matrices(network: Any, seed: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Random matrices for each layer of attention, large enough to be seen."""
    draw = torch.Generator().manual_seed(seed)
    layers = [(name, module) for name, module in network.named_modules() if name.endswith(TARGETS)]
    return {
        name: (
            0.3 * torch.randn(RANK, module.in_features, generator=draw),
            0.3 * torch.randn(module.out_features, RANK, generator=draw),
        )
        for name, module in layers
    }


@pytest.fixture
def lora(checkpoint: BuildCheckpoint, tmp_path: Path) -> Path:
    """A LoRA of diffusers for the UNet of SD 1.5."""
    unet = loaded(checkpoint("sd15")).components["unet"]
    weights = {}
    for name, (down, up) in matrices(unet, 1).items():
        weights[f"unet.{name}.lora_A.weight"], weights[f"unet.{name}.lora_B.weight"] = down, up
    save_file(weights, tmp_path / "style.safetensors")
    return tmp_path / "style.safetensors"


@pytest.fixture
def kohya(checkpoint: BuildCheckpoint, tmp_path: Path) -> Path:
    """The same LoRA as kohya writes it, with one for the text encoder."""
    components = loaded(checkpoint("sd15")).components
    weights = {}
    for prefix, network in (("lora_unet_", "unet"), ("lora_te_text_model_", "text_encoder")):
        for name, (down, up) in matrices(components[network], 1).items():
            layer = prefix + name.replace(".", "_")
            weights[f"{layer}.lora_down.weight"], weights[f"{layer}.lora_up.weight"] = down, up
            weights[f"{layer}.alpha"] = torch.tensor(float(RANK))
    save_file(weights, tmp_path / "kohya.safetensors")
    return tmp_path / "kohya.safetensors"


def made(checkpoint: Path, *loras: Lora) -> Any:
    """The picture of a fixed request."""
    generator = DiffusersGenerator(loaded(checkpoint, OTHER, loras=loras))
    [result] = generator.generate([Request(seed=1, prompt="a dog", num_inference_steps=2)])
    return result.picture()


def test_a_lora_changes_pictures_and_the_identity(checkpoint: BuildCheckpoint, lora: Path) -> None:
    base, half, whole = (
        made(checkpoint("sd15"), *added) for added in ((), (Lora(lora, 0.5),), (Lora(lora),))
    )

    assert len({each.tobytes() for each in (base, half, whole)}) == 3
    identities = {
        loaded(checkpoint("sd15"), loras=added).weights
        for added in ((), (Lora(lora),), (Lora(lora, 0.5),), (Lora(lora), Lora(lora)))
    }
    assert len(identities) == 4


def test_a_lora_of_weight_0_is_left_out(checkpoint: BuildCheckpoint, lora: Path) -> None:
    without, zero = loaded(checkpoint("sd15")), loaded(checkpoint("sd15"), loras=[Lora(lora, 0)])

    assert zero.weights == without.weights
    assert same_weights(zero.components["unet"], without.components["unet"])


def test_kohyas_format_is_the_same_lora(checkpoint: BuildCheckpoint, lora: Path, kohya: Path) -> None:
    only_unet = {name: each for name, each in load_file(kohya).items() if name.startswith("lora_unet")}
    save_file(only_unet, kohya.with_name("unet.safetensors"))

    ours = loaded(checkpoint("sd15"), loras=[Lora(lora)]).components
    theirs = loaded(checkpoint("sd15"), loras=[Lora(kohya.with_name("unet.safetensors"))]).components
    both = loaded(checkpoint("sd15"), loras=[Lora(kohya)]).components

    assert same_weights(ours["unet"], theirs["unet"])
    assert any("lora" in name for name in both["text_encoder"].state_dict())


def test_several_loras_are_added(checkpoint: BuildCheckpoint, lora: Path) -> None:
    twice = made(checkpoint("sd15"), Lora(lora, 0.5), Lora(lora, 0.5))

    difference = largest_difference(twice, made(checkpoint("sd15"), Lora(lora)))
    assert difference is not None and difference <= 1


def test_a_missing_or_misshapen_matrix_is_named(checkpoint: BuildCheckpoint, lora: Path) -> None:
    name = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_k.lora_B.weight"
    changed(lora, lambda weights: weights.update({name: torch.zeros(64, RANK + 1)}))
    with pytest.raises(ModelError, match=r"is not whole: misshapen: unet\.mid_block"):
        loaded(checkpoint("sd15"), loras=[Lora(lora)])

    changed(lora, lambda weights: weights.pop(name))
    with pytest.raises(ModelError, match=rf"is not whole: missing: {name}"):
        loaded(checkpoint("sd15"), loras=[Lora(lora)])


def test_a_lora_of_another_network_is_refused(checkpoint: BuildCheckpoint, lora: Path) -> None:
    with pytest.raises(ModelError, match=r"style\.safetensors` does not fit the checkpoint"):
        loaded(checkpoint("sdxl"), loras=[Lora(lora)])

    changed(lora, lambda weights: weights.update(unplaced(weights)))
    with pytest.raises(ModelError, match="does not fit the checkpoint"):
        loaded(checkpoint("sd15"), loras=[Lora(lora)])


def unplaced(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The matrices of one layer under the name of a layer that the network does not have."""
    layer = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_k"
    return {
        name.replace("mid_block", "end_block"): weights[name].clone()
        for name in weights
        if name.startswith(layer)
    }


def test_other_files_and_pickles_are_no_loras(checkpoint: BuildCheckpoint, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a LoRA that phosphene can load"):
        loaded(checkpoint("sd15"), loras=[Lora(checkpoint("ip_adapter_sd15"))])

    (tmp_path / "style.pt").write_bytes(b"")
    with pytest.raises(ModelError, match="is a pickle"):
        loaded(checkpoint("sd15"), loras=[Lora(tmp_path / "style.pt")])


def test_a_lora_is_written_as_a_file_and_a_weight(lora: Path) -> None:
    assert parse_lora(str(lora)) == Lora(lora, 1.0)
    assert parse_lora(f"{lora}:0.4") == Lora(lora, 0.4)
    for wrong in ("nowhere.safetensors:0.5", f"{lora}:much", f"{lora}:nan"):
        with pytest.raises(ModelError, match="There is no LoRA"):
            parse_lora(wrong)


def test_a_lora_gets_a_name_in_the_catalogue(lora: Path, kohya: Path) -> None:
    assert lines("models", "add", lora)[0] == {
        **{"name": "style", "kind": "lora", "path": str(lora), "family": None}
    }
    run("models", "add", kohya, "--name", "other")
    assert parse_lora("style") == Lora(lora, 1.0)
    assert parse_lora("other:0.4") == Lora(kohya, 0.4)
    [listed] = [row for row in lines("models") if row["name"] == "style"]
    assert (listed["kind"], listed["here"], listed["path"]) == ("lora", True, str(lora))
    for name in ("style", "other"):
        run("models", "remove", name)
    with pytest.raises(ModelError, match="There is no LoRA `style`"):
        parse_lora("style")
    changed(lora, lambda weights: weights.pop(next(iter(weights))))
    assert "is not whole" in run("models", "add", lora).stderr


def test_the_command_takes_loras(checkpoint: BuildCheckpoint, lora: Path, tmp_path: Path) -> None:
    library = tiny_library(tmp_path, checkpoint("open_clip_folder"))
    options = ("-n", 1, "--steps", 2, "--seed", 1, "--generator", checkpoint("sd15"))
    words = ("-L", library, "generate", "a dog", *options)
    extra: list[tuple[object, ...]] = [(), ("--lora", lora), ("--lora", f"{lora}:0")]

    plain, added, left_out = (lines(*words, *more) for more in extra)

    assert added[0]["id"] != plain[0]["id"]
    assert left_out == plain


def test_without_peft_the_error_says_how_to_get_it(
    checkpoint: BuildCheckpoint, lora: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phosphene.extras.find_spec", lambda name: None)

    with pytest.raises(MissingExtraError) as refused:
        loaded(checkpoint("sd15"), loras=[Lora(lora)])
    assert "phosphene[peft]" in refused.value.hint


def test_generators_without_checkpoints_of_a_family_take_no_loras(lora: Path) -> None:
    added = Additions(loras=(str(lora),))
    with pytest.raises(GenerationError, match="`retrieval` takes no LoRAs"):
        open_generator(f"retrieval:{DIFFUSION_FOLDER}", Path(), OTHER, additions=added)
