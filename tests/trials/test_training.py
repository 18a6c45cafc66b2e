"""Trainings lose nothing, overwrite only their own files, and say what is wrong."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from click.testing import Result

from command import run
from trial import Trial


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def documents(trial: Trial) -> Path:
    """A folder of the user, with files that nobody could make again."""
    folder = trial.folder / "Documents"
    (folder / "2019").mkdir(parents=True)
    (folder / "2019" / "thesis.txt").write_text("my thesis")
    (folder / "training").mkdir()
    (folder / "training" / "plan.txt").write_text("run, swim")
    return folder


def clip(trial: Trial, *words: object) -> Result:
    """Train a CLIP on the pictures of the trial."""
    return run("train", "clip", trial.pictures, *words)


def test_a_training_writes_into_no_folder_of_a_user(trial: Trial, documents: Path) -> None:
    before = contents(documents)
    for result in (trial.run("train", "diffusion", "-o", documents), clip(trial, "-o", documents)):
        assert result.exit_code == 1
        assert "Documents` contains files that phosphene did not make" in result.stderr
        assert "--force" in result.stderr
    assert contents(documents) == before
    assert not (trial.folder / "Documents.training").exists()


def test_a_training_folder_beside_the_model_is_not_taken_from_a_user(trial: Trial) -> None:
    (mine := trial.folder / "better.training").mkdir()
    (mine / "plan.txt").write_text("run, swim")
    result = trial.run("train", "diffusion", "-o", "better")
    assert result.exit_code == 1 and "better.training` contains files" in result.stderr


def place(trial: Trial, kind: str) -> Path:
    """A place where no model can be written."""
    if kind == "file":
        Path("file").write_text("mine")
    if kind == "dangling":
        Path("dangling").symlink_to("nowhere")
    if kind == "below-a-file":
        Path("file").write_text("mine")
        return Path("file") / "model"
    places = {"root": Path("/"), "here": Path(), "library": trial.library, "pictures": trial.pictures}
    return places.get(kind, Path(kind))


KINDS = {
    "file": "is a file",
    "dangling": "a link to a folder that does not exist",
    "below-a-file": "may not write",
    "root": "root",
    "here": "did not make",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_that_cannot_hold_the_model_is_an_error_before_the_training(kind: str, trial: Trial) -> None:
    folder = place(trial, kind)
    for result in (trial.run("train", "diffusion", "-o", folder), clip(trial, "-o", folder)):
        assert result.exit_code == 1
        assert KINDS[kind] in result.stderr


def test_a_training_never_writes_into_its_inputs(trial: Trial) -> None:
    Path("link").symlink_to(trial.library)
    results = [trial.run("train", "diffusion", "--force", "-o", place) for place in (trial.library, "link")]
    results.append(clip(trial, "--force", "-o", trial.pictures))
    for result in results:
        assert result.exit_code == 1 and "is an input of this command" in result.stderr


@pytest.mark.parametrize("minutes", ["nan", "inf", "-inf", "-1", "0", "1e308", "1e400", "half"])
def test_invalid_minutes_are_usage_errors(minutes: str, trial: Trial) -> None:
    for result in (
        trial.run("train", "diffusion", "--minutes", minutes),
        clip(trial, "-o", "out", "--minutes", minutes),
    ):
        assert result.exit_code == 2 and "--minutes" in result.stderr
    assert not Path("out").exists()


@pytest.mark.parametrize("words", [("--steps", 10**30), ("--steps", 0), ("--seed", 10**30), ("--seed", -1)])
def test_numbers_out_of_range_are_usage_errors(words: tuple[object, ...], trial: Trial) -> None:
    result = clip(trial, "-o", "out", *words)
    assert result.exit_code == 2 and str(words[0]) in result.stderr


@contextmanager
def signalled(number: signal.Signals, when: Callable[[], bool]) -> Iterator[None]:
    """Send this process a signal as soon as a condition holds, from a thread that checks it."""
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            if when():
                os.kill(os.getpid(), number)
                return
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_training_keeps_what_it_says(number: signal.Signals, code: int, trial: Trial) -> None:
    log, checkpoint = Path("out/training/log.jsonl"), Path("out/training/checkpoint.pt")
    with signalled(number, log.exists):
        result = clip(trial, "-o", "out", "--steps", 500)
    assert result.exit_code == code
    assert "the last checkpoint is in out/training; the same command goes on from there" in result.stderr
    assert 0 < torch.load(checkpoint, weights_only=True)["steps"] < 500


def test_an_interrupt_while_pictures_are_read_says_that_nothing_is_learnt_yet(trial: Trial) -> None:
    with signalled(signal.SIGINT, Path("out/training/examples.json").exists):
        result = clip(trial, "-o", "out", "--steps", 500)
    assert result.exit_code == 130
    learnt = Path("out/training/checkpoint.pt").exists()
    assert ("there is no checkpoint yet" in result.stderr) is not learnt
    assert clip(trial, "-o", "out", "--steps", 1).exit_code == 0


def test_a_model_that_phosphene_trained_is_replaced_without_a_question(trial: Trial) -> None:
    assert clip(trial, "-o", "out", "--steps", 1).exit_code == 0
    Path("out/notes.txt").write_text("mine")
    assert clip(trial, "-o", "out", "--steps", 2).exit_code == 0
    assert Path("out/notes.txt").read_text() == "mine"
    result = clip(trial, "-o", "out", "--from", "out", "--steps", 3)
    assert result.exit_code == 1 and "is an input of this command" in result.stderr


def test_too_few_pictures_with_captions_are_an_error_before_the_training(trial: Trial) -> None:
    Path("few").mkdir()
    for number, picture in enumerate(sorted(trial.pictures.glob("*.png"))[:19]):
        Path(f"few/{number}.png").write_bytes(picture.read_bytes())
        Path(f"few/{number}.txt").write_text(f"landscape number {number}")
    result = run("train", "clip", "few", "-o", "out", "--steps", 1)
    assert result.exit_code == 1 and "needs 20 or more" in result.stderr and "19 of 19" in result.stderr
    assert not Path("out").exists()
