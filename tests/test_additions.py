"""IP-Adapters and LoRAs on the command line, and how a replay finds them again."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from checkpoint_files import BuildCheckpoint, tiny_library
from command import lines, run

pytestmark = pytest.mark.usefixtures("no_network")
Generate = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def fresh_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that another test has added is remembered."""
    monkeypatch.setenv("PHOSPHENE_HOME", str(tmp_path / "home"))


@pytest.fixture
def library(checkpoint: BuildCheckpoint, tmp_path: Path) -> Path:
    return tiny_library(tmp_path, checkpoint("open_clip_folder"))


@pytest.fixture
def adapter(checkpoint: BuildCheckpoint, tmp_path: Path) -> Path:
    """A copy of the IP-Adapter of SD 1.5 in the layout of its repository."""
    folder = checkpoint("ip_adapter_sd15").parent.parent
    return Path(shutil.copytree(folder, tmp_path / "IP-Adapter")) / "models" / "ip-adapter_sd15.safetensors"


@pytest.fixture
def lora(checkpoint: BuildCheckpoint, tmp_path: Path) -> Path:
    """A LoRA of diffusers for one layer of the UNet of SD 1.5."""
    layer = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    weight = load_file(checkpoint("sd15") / "unet" / "diffusion_pytorch_model.safetensors")[f"{layer}.weight"]
    down, up = 0.5 * torch.randn(2, weight.shape[1]), 0.5 * torch.randn(weight.shape[0], 2)
    file = tmp_path / "style.safetensors"
    save_file({f"unet.{layer}.lora_A.weight": down, f"unet.{layer}.lora_B.weight": up}, file)
    return file


@pytest.fixture
def generate(library: Path, checkpoint: BuildCheckpoint) -> Generate:
    """A function that makes one picture and returns its record."""
    words = ("-L", library, "generate", "a dog", "-n", 1, "--steps", 2, "--seed", 1)
    return lambda *more: lines(*words, "--generator", checkpoint("sd15"), *more)[0]


def additions(library: Path, made: dict[str, Any]) -> list[tuple[str, str, float]]:
    """What the recipe of a picture names."""
    entries = lines("-L", library, "show", made["id"])[0]["recipe"].get("additions", [])
    return [(entry["kind"], entry["file"], entry["weight"]) for entry in entries]


def replayed(library: Path, made: dict[str, Any], checkpoint: Path, *more: object) -> Any:
    return run("-L", library, "replay", made["id"], "--generator", checkpoint, "--json", *more)


def test_an_adapter_is_named_by_its_file_or_by_its_folder(
    library: Path, generate: Generate, adapter: Path
) -> None:
    plain = generate()
    by_file, by_folder, nearer = (
        generate("--adapter", place) for place in (adapter, adapter.parent.parent, adapter.parent)
    )

    assert (plain["lane"], by_file["lane"]) == ("start", "embedded")
    assert by_file["id"] == by_folder["id"] == nearer["id"] != plain["id"]
    assert additions(library, by_file) == [("adapter", adapter.name, 1.0)]
    assert additions(library, plain) == []


def test_an_adapter_that_is_not_there_or_of_no_use_is_an_error(
    library: Path, checkpoint: BuildCheckpoint, adapter: Path
) -> None:
    words = ("-L", library, "generate", "a dog", "--generator")

    gone = run(*words, checkpoint("sd15"), "--adapter", "nowhere.safetensors")
    useless = run(*words, checkpoint("sd3"), "--adapter", adapter)
    built_in = run(*words, "retrieval", "--adapter", adapter)

    assert gone.exit_code == 1 and "There is no IP-Adapter `nowhere.safetensors`" in gone.stderr
    assert useless.exit_code == 1 and "The family `sd3` takes no IP-Adapter" in useless.stderr
    assert built_in.exit_code == 1 and "`retrieval` takes no IP-Adapter" in built_in.stderr


def test_a_replay_finds_what_was_added(
    library: Path, generate: Generate, checkpoint: BuildCheckpoint, adapter: Path, lora: Path
) -> None:
    made = generate("--adapter", adapter, "--lora", f"{lora}:0.5")
    assert additions(library, made) == [("adapter", adapter.name, 1.0), ("lora", lora.name, 0.5)]

    again = replayed(library, made, checkpoint("sd15"))

    assert again.exit_code == 0, again.stderr
    assert '"identical": true, "same_weights": true' in again.stdout


def test_a_replay_without_what_was_added_is_refused_by_name(
    library: Path, generate: Generate, checkpoint: BuildCheckpoint, lora: Path
) -> None:
    made = generate("--lora", f"{lora}:0.5")
    moved = lora.rename(lora.with_name("moved.safetensors"))

    refused = replayed(library, made, checkpoint("sd15"))
    named = replayed(library, made, checkpoint("sd15"), "--lora", f"{moved}:0.5")
    other = replayed(library, made, checkpoint("sd15"), "--lora", f"{moved}:0.9")

    assert refused.exit_code == 1
    assert "was made with the LoRA `style.safetensors` (sha256" in refused.stderr
    assert "`--lora FILE:0.5`" in refused.stderr
    assert '"identical": true, "same_weights": true' in named.stdout
    assert '"same_weights": false' in other.stdout


def test_a_file_that_has_changed_since_is_not_taken(
    library: Path, generate: Generate, checkpoint: BuildCheckpoint, lora: Path
) -> None:
    made = generate("--lora", lora)
    save_file({name: 2 * weight for name, weight in load_file(lora).items()}, lora)

    assert "which phosphene does not find" in replayed(library, made, checkpoint("sd15")).stderr


def test_nothing_is_compiled_on_a_cpu(library: Path, generate: Generate) -> None:
    made = generate("--compile")

    assert lines("-L", library, "show", made["id"])[0]["recipe"]["runtime"]["compiled"] == "no"


def test_variations_take_additions(library: Path, checkpoint: BuildCheckpoint, lora: Path) -> None:
    [image] = lines("-L", library, "search", "a boat", "-n", 1)
    words = ("-L", library, "vary", image["id"], "-n", 1, "--seed", 1, "--generator", checkpoint("sd15"))

    [plain], [added] = lines(*words), lines(*words, "--lora", lora)

    assert plain["id"] != added["id"]
