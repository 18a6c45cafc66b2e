"""Trains LoRAs on tiny checkpoints: what they learn, that Ctrl-C costs nothing, and what is refused."""

import json
import signal
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as pillow
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

import phosphene
from checkpoint_files import BuildCheckpoint, loaded
from command import lines, run
from phosphene.errors import ModelError
from phosphene.generators.diffusers.checkpoint import Checkpoint
from phosphene.generators.diffusers.families import FAMILIES
from phosphene.records import Image
from phosphene.training.budget import Budget
from phosphene.training.log import read_log
from phosphene.training.lora import LoraSettings, run_beside, train_lora
from phosphene.training.run import CHECKPOINT, LOG

diffusers: Any = import_module("diffusers")

COLOURS = ("red", "green", "blue", "white", "black", "yellow")
QUICK = LoraSettings(trigger="plain", rank=4, learning_rate=1e-2, batch_size=2)


def opened(folder: Path) -> Checkpoint:
    """A tiny checkpoint, each time with modules of its own."""
    return loaded(folder, bare=True)


def images(folder: Path, *, captions: bool = True) -> list[Image]:
    """A plain picture of each colour."""
    found = []
    for name in COLOURS:
        path = folder / f"{name}.png"
        pillow.new("RGB", (80, 64), name).save(path)
        words = (f"the colour {name}",) if captions else ()
        found.append(Image(name, "", str(path), " ".join(words), words, "imported", 80, 64, "", 1.0))
    return found


def latents(checkpoint: Checkpoint, lora: Path | None = None, weight: float = 1.0) -> Tensor:
    """A picture's latents, as bare diffusers makes them with the LoRA's file."""
    kind = getattr(diffusers, checkpoint.family.pipelines["text-to-image"])
    pipeline = kind(**checkpoint.components)
    pipeline.set_progress_bar_config(disable=True)
    if lora is not None:
        pipeline.load_lora_weights(str(lora.parent), weight_name=lora.name, adapter_name="learnt")
        pipeline.set_adapters(["learnt"], [weight])
    made: Tensor = pipeline(
        "plain, the colour red",
        num_inference_steps=2,
        height=64,
        width=64,
        generator=torch.Generator().manual_seed(1),
        output_type="latent",
    ).images
    return made


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_a_lora_lowers_the_loss_and_changes_pictures_in_a_fresh_pipeline(
    checkpoint: BuildCheckpoint, tmp_path: Path, family: str
) -> None:
    file, trained = tmp_path / "plain.safetensors", opened(checkpoint(family))
    assert train_lora(images(tmp_path), trained, file, Budget(steps=31), QUICK) == len(COLOURS)
    losses = [line["loss"] for line in read_log(run_beside(file) / LOG)]
    assert min(losses[3:]) < losses[0]
    base = latents(opened(checkpoint(family)))
    with_lora = latents(opened(checkpoint(family)), file)
    assert (with_lora - base).abs().max() > 0.01
    torch.testing.assert_close(with_lora, latents(trained), atol=2e-2, rtol=0)  # the file has half precision
    assert torch.equal(latents(opened(checkpoint(family)), file, weight=0.0), base)
    with safe_open(file, "pt") as header:
        assert header.metadata()["modelspec.trigger_phrase"] == "plain"


def test_an_interrupted_training_ends_with_the_same_bits(checkpoint: BuildCheckpoint, tmp_path: Path) -> None:
    whole, halves = tmp_path / "whole.safetensors", tmp_path / "halves.safetensors"
    train_lora(images(tmp_path), opened(checkpoint("sd15")), whole, Budget(steps=7), QUICK)

    def interrupt(progress: Any) -> None:
        if progress.step == 3:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train_lora(
            images(tmp_path),
            opened(checkpoint("sd15")),
            halves,
            Budget(steps=7),
            QUICK,
            on_step=interrupt,
        )
    assert not halves.exists() and (run_beside(halves) / CHECKPOINT).exists()
    train_lora(images(tmp_path), opened(checkpoint("sd15")), halves, Budget(steps=7), QUICK)
    first, second = load_file(whole), load_file(halves)
    assert {"resumed": 4} in map(json.loads, (run_beside(halves) / LOG).read_text().splitlines())
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_pictures_without_captions_need_a_trigger_word(checkpoint: BuildCheckpoint, tmp_path: Path) -> None:
    bare, file = images(tmp_path, captions=False), tmp_path / "bare.safetensors"
    loaded = opened(checkpoint("sd15"))
    with pytest.raises(ModelError, match="6 of 6 pictures have no caption") as caught:
        train_lora(bare, loaded, file, Budget(steps=1), replace(QUICK, trigger=""))
    assert "--trigger" in (caught.value.hint or "")
    assert train_lora(bare, loaded, file, Budget(steps=1), QUICK) == len(COLOURS)


def test_a_sheet_shows_a_row_for_each_text(checkpoint: BuildCheckpoint, tmp_path: Path) -> None:
    bare, file = images(tmp_path, captions=False), tmp_path / "shown.safetensors"
    train_lora(bare, opened(checkpoint("sd15")), file, Budget(steps=2), QUICK, sheet_every=0)
    with pillow.open(run_beside(file) / "sheet-000001.png") as sheet:
        assert sheet.size == (2 * 64, 64)
        left, right = sheet.crop((0, 0, 64, 64)), sheet.crop((64, 0, 128, 64))
    assert left.tobytes() != right.tobytes()


def test_too_few_pictures_and_other_families_are_refused(checkpoint: BuildCheckpoint, tmp_path: Path) -> None:
    loaded, file = opened(checkpoint("sd15")), tmp_path / "few.safetensors"
    with pytest.raises(ModelError, match="4 or more pictures"):
        train_lora(images(tmp_path)[:3], loaded, file, Budget(steps=1), QUICK)
    with pytest.raises(ModelError, match="cannot train a LoRA for `flux1`"):
        train_lora([], replace(loaded, family=FAMILIES["flux1"]), file, Budget(steps=1), QUICK)
    assert not file.exists()


def test_the_command_teaches_a_checkpoint_the_pictures_of_a_library(
    checkpoint: BuildCheckpoint, tmp_path: Path
) -> None:
    images(tmp_path, captions=False)
    library, file = tmp_path / "colours.lib", tmp_path / "plain.safetensors"
    assert run("-L", library, "add", tmp_path, "--model", "landscape").exit_code == 0
    words = ("-L", library, "train", "lora", "--generator", checkpoint("sd15"), "-o", file, "--steps", 2)
    refused = run(*words)
    assert refused.exit_code == 1 and "--trigger WORD" in refused.stderr
    [told] = lines(*words, "--trigger", "plain")
    assert told == {
        "file": str(file), "examples": len(COLOURS), "family": "sd15", "trigger": "plain",
        "images": "--origin imported",
    }  # fmt: skip
    assert file.exists()
    [again] = lines(*words, "--trigger", "plain")  # nothing is left to learn, and the file may be replaced
    assert again == told


def test_the_command_learns_only_from_the_images_that_are_chosen(
    checkpoint: BuildCheckpoint, tmp_path: Path
) -> None:
    images(tmp_path)
    library, file = tmp_path / "colours.lib", tmp_path / "warm.safetensors"
    assert run("-L", library, "add", tmp_path, "--model", "landscape").exit_code == 0
    words = ("-L", library, "train", "lora", "--generator", checkpoint("sd15"), "-o", file, "--steps", 1)
    query = str(tmp_path / "red.png")
    [told] = lines(*words, "--trigger", "warm", "--query", query, "-n", 4)
    assert (told["examples"], told["images"]) == (4, f"--query {query} -n 4 --origin imported")
    [listed] = [each for each in lines("models") if each["name"] == "warm"]
    assert (listed["library"], listed["images"]) == (str(library), told["images"])
    with phosphene.open(library) as opened_library:
        assert "red" in {Path(each.uri).stem for each in opened_library.examples(query, 4)}
    none = run(*words, "--trigger", "warm", "--origin", "generated")
    assert none.exit_code == 1 and "only 0 can be read" in none.stderr


def test_the_command_refuses_what_is_no_checkpoint_and_no_file_for_a_lora(tmp_path: Path) -> None:
    images(tmp_path)
    library = tmp_path / "colours.lib"
    assert run("-L", library, "add", tmp_path, "--model", "landscape").exit_code == 0
    train = ("-L", library, "train", "lora", "--steps", 1)
    unknown = run(*train, "--generator", "retrieval", "-o", tmp_path / "a.safetensors")
    assert unknown.exit_code == 1 and "`retrieval` is not a pretrained model" in unknown.stderr
    ending = run(*train, "--generator", "sd15", "-o", tmp_path / "a.bin")
    assert ending.exit_code == 1 and "a.safetensors" in ending.stderr
