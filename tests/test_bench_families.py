"""The bench of pretrained families, on a tiny checkpoint."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))  # its files are scripts, not a package

import families
import neighbours
import random_checkpoints
import tables
import torch
from runs import Run
from utilisation import Utilisation

from phosphene.generators.diffusers.families import FAMILIES
from tiny_families import Folder, generator


def test_the_figures_of_a_checkpoint(checkpoint: Folder) -> None:
    figures = families.measure(families.Job("sd15", 64, 2, 1), checkpoint("sd15"))

    seconds = [value for name, value in figures.items() if name.endswith(", s")]
    assert len(seconds) == 11 and all(value > 0 for value in seconds)
    assert figures["ours ÷ bare, by CPU time"] > 0 and figures["peak of memory, GB"] > 0


def test_the_figures_of_neighbours(checkpoint: Folder, tmp_path: Path) -> None:
    encoder = generator(checkpoint, "sd15").image_encoder
    assert encoder
    with neighbours.filled(tmp_path, 3, 64) as library:
        figures = neighbours.measure(library, encoder)

    assert len(figures) == 6 and all(value >= 0 for value in figures.values())
    assert figures["kept neighbour, CPU s"] < figures["first neighbour, with loading, CPU s"]


def test_on_a_cpu_no_use_of_a_gpu_is_sampled() -> None:
    with Utilisation(torch.device("cpu")) as used:
        pass
    assert used.percent is None


def test_seconds_are_shown_of_an_idle_machine_only() -> None:
    figures = {"sd15": {"device": "cpu, float32", "load, s": 1.5, "ours ÷ bare, by seconds": 1.01}}

    idle, busy = (tables.families(Run(figures, {"cores": 2, "load_before": load})) for load in (0.1, 9.0))

    assert "| load, s | 1.5 |" in idle and "by seconds" in idle
    assert "| device | cpu, float32 |" in busy and "load, s" not in busy and "by seconds" not in busy


def test_families_of_true_size_are_in_the_table() -> None:
    assert set(random_checkpoints.SHIPPED) <= FAMILIES.keys()
