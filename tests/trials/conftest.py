"""Fixtures of trials. Each trial tries one fault that people have met in similar tools on the whole command.

A trial works in a folder of its own, on a copy of a small library of drawn pictures and two that were
generated from them. A Python traceback fails it, whatever else it asserts.
"""

import shutil
from pathlib import Path

import pytest

from command import run
from phosphene.landscape.scenes import SEEDS, write
from trial import GENERATED, PICTURES, Trial


@pytest.fixture(scope="session")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small drawn landscapes with a COCO captions file."""
    return write(tmp_path_factory.mktemp("drawings"), SEEDS["test"][:PICTURES], size=64, workers=1).parent


@pytest.fixture(scope="session")
def stocked(drawings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that trials get a copy of."""
    folder = tmp_path_factory.mktemp("stocked") / "stocked.lib"
    assert run("-L", folder, "add", drawings, "--model", "landscape").exit_code == 0
    quick = ("--steps", 1, "--candidates", 1, "-k", 2, "--seed", 7)
    assert run("-L", folder, "generate", "a red house", "-n", GENERATED, *quick).exit_code == 0
    return folder


@pytest.fixture
def trial(stocked: Path, drawings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """A folder of the trial's own, and a copy of the library in it."""
    monkeypatch.chdir(tmp_path)
    return Trial(tmp_path, Path(shutil.copytree(stocked, tmp_path / "a.lib")), drawings)
