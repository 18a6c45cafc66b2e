"""Loads the tiny checkpoints of tests, and damages copies of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from command import run
from phosphene.generators.diffusers.checkpoint import Checkpoint
from phosphene.generators.diffusers.families import VIT_H
from phosphene.generators.diffusers.loading import load
from phosphene.records import Space
from pictures import drawn

SPACE = Space("of-the-library", VIT_H, 64)  # a library with the vectors that SD 1.5 reads
OTHER = Space("of-the-library", "landscape", 64)
BuildCheckpoint = Callable[[str], Path]


def loaded(path: Path, space: Space = SPACE, **named: Any) -> Checkpoint:
    return load(path, space=space, device="cpu", **named)


def tiny_library(folder: Path, model: Path) -> Path:
    """A library of three drawn pictures with vectors of a model of open_clip."""
    for seed in range(3):
        drawn(seed).save(folder / f"{seed}.png")
    added = run("-L", folder / "library", "add", *folder.glob("*.png"), "--model", f"local-dir:{model}")
    assert added.exit_code == 0, added.stderr
    return folder / "library"


def weights_of(folder: Path) -> Path:
    """The one file of weights in a component's folder."""
    [file] = folder.glob("*.safetensors")
    return file


def changed(file: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change the weights in a file."""
    weights = load_file(file)
    change(weights)
    save_file(weights, file)


def configured(file: Path, **settings: object) -> None:
    """Change settings in a file of JSON."""
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))


def same_weights(first: Any, second: Any) -> bool:
    """Whether two networks have the same weights, bit for bit."""
    one, other = first.state_dict(), second.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
