"""The example scripts do what their first lines say."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from trial import GENERATED, PICTURES, Trial

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str, *words: object) -> None:
    main: Any = runpy.run_path(str(EXAMPLES / name))["main"]
    main(*map(str, words))


def test_an_example_adds_and_searches(trial: Trial, capsys: pytest.CaptureFixture[str]) -> None:
    example("search.py", trial.folder / "new.lib", trial.pictures, "a red house")
    found = capsys.readouterr().out.splitlines()
    assert len(found) == 5 and all(Path(line.split("  ")[1]).is_file() for line in found)


def test_an_example_generates_and_prints_the_lineage(
    trial: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    example("generate.py", trial.library, "a red house in the snow")
    assert capsys.readouterr().out.count("made from") == 2 * 4
    assert len(trial.generated()) == GENERATED + 2


def test_an_example_walks(trial: Trial, capsys: pytest.CaptureFixture[str]) -> None:
    example("walk.py", trial.library, "a house in the snow", "a boat on the sea")
    assert len(capsys.readouterr().out.splitlines()) == 6
    assert trial.lines("status")[0]["images"] == PICTURES + GENERATED
