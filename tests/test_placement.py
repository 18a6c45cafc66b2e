"""Where the weights of a checkpoint go, and what is said when they do not fit."""

from pathlib import Path

import pytest
import torch

from checkpoint_files import BuildCheckpoint, loaded
from phosphene.errors import ModelError
from phosphene.generators.diffusers.placement import Placement, placement, smaller
from phosphene.generators.diffusers.precision import pick_dtype

GIB = 1 << 30


@pytest.mark.parametrize(
    ("weights", "largest", "gpu", "main", "expected"),
    [
        (4, 3, None, 8, "device"),
        (4, 3, None, 5, None),
        (4, 3, 8, 8, "device"),
        (10, 5, 8, 16, "offloaded"),
        (10, 7, 8, 16, None),
        (10, 5, 8, 11, None),
    ],
)
def test_weights_go_to_the_device_or_wait_in_main_memory(
    weights: int, largest: int, gpu: int | None, main: int, expected: Placement | None
) -> None:
    sizes = (weights * GIB, largest * GIB, None if gpu is None else gpu * GIB, main * GIB)
    assert placement(*sizes) == expected


def test_a_checkpoint_that_does_not_fit_is_refused_with_a_smaller_choice(
    checkpoint: BuildCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phosphene.generators.diffusers.placement.main_memory", lambda: GIB)
    with pytest.raises(ModelError, match=r"needs about 2\.2 GB of memory, but this machine has 1\.1 GB"):
        loaded(checkpoint("sd15"))

    assert smaller(8 * GIB, 4).startswith("use a smaller family: `")
    assert "`flux1` needs about" in smaller(48 * GIB, 2)
    assert "the built-in generator" in smaller(GIB, 4)


def test_the_size_in_memory_follows_from_the_headers(checkpoint: BuildCheckpoint) -> None:
    found = loaded(checkpoint("sd15"))

    networks = [each for each in found.components.values() if isinstance(each, torch.nn.Module)]
    assert found.size_in_memory == sum(
        weight.numel() * 4 for network in networks for weight in network.parameters()
    )
    assert found.size_on_disk == sum(
        file.stat().st_size for file in Path(checkpoint("sd15")).rglob("*.safetensors")
    )


def test_cpus_compute_in_bfloat16_only_with_amx(monkeypatch: pytest.MonkeyPatch) -> None:
    for has_amx, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda has_amx=has_amx: {"amx_bf16": has_amx})
        assert pick_dtype(torch.device("cpu")) == expected
    assert pick_dtype(torch.device("mps")) == torch.float16
