"""Commands work on libraries that may only be read, and with pictures that are out of reach."""

import os
from pathlib import Path

import pytest

from trial import Trial

QUICK = ("--steps", 1, "--candidates", 1, "-k", 2, "--seed", 7)


@pytest.fixture
def locked(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> dict[Path, bytes]:
    """Make the library read-only. Root may write, so the answer of the system is replaced."""
    access = os.access

    def answer(path: Path, mode: int, **options: bool) -> bool:
        inside = Path(path).is_relative_to(trial.library)
        return not (inside and mode & os.W_OK) and access(path, mode, **options)

    monkeypatch.setattr(os, "access", answer)
    for path in [*trial.library.rglob("*"), trial.library]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return held(trial)


def held(trial: Trial) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in trial.library.rglob("*") if path.is_file()}


def test_it_is_read_by_every_command_and_nothing_is_written_to_it(
    trial: Trial, locked: dict[Path, bytes]
) -> None:
    made = trial.generated()[0]
    for words in (
        ["status"],
        ["search", "a house that nobody searched for yet", "-o", "s.png"],
        ["show", made, "-o", "f.png"],
        ["map", "-o", "m.png"],
        ["walk", "a house", "a tree", "--steps", 2, "-o", "w.png"],
        ["walk", "a house", "a tree", "--steps", 2, "--generate", "-o", "g.png"],
        ["generate", "a house", "-n", 1, *QUICK, "--into", "mine.lib"],
        ["copy", trial.library, "copy.lib"],
    ):
        result = trial.run(*words)
        assert result.exit_code == 0, (words, result.stderr)
    assert held(trial) == locked
    assert len(list(Path("mine.lib/pictures").glob("*.png"))) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["add", "PICTURES"],
        ["generate", "a house", "-n", 1, *QUICK],
        ["walk", "a house", "a tree", "--steps", 2, "--generate", "--keep", "-o", "w.png"],
        ["remove", "ID", "--yes"],
        ["copy", "LIBRARY", "LIBRARY"],
    ],
    ids=lambda words: words[0],
)
def test_writing_to_a_read_only_library_is_an_error_in_a_sentence(
    trial: Trial, locked: dict[Path, bytes], words: list[object]
) -> None:
    if words[0] == "copy":
        words = ["copy", _other(trial), trial.library]
    named = {"PICTURES": trial.pictures, "ID": trial.generated()[0]}
    result = trial.run(*(named.get(str(word), word) for word in words))
    assert result.exit_code == 1
    assert "You may not write to" in result.stderr
    assert held(trial) == locked


def _other(trial: Trial) -> Path:
    assert trial.run("copy", trial.library, "other.lib").exit_code == 0
    return Path("other.lib")


def test_remove_missing_says_what_it_kept_and_why(trial: Trial) -> None:
    photos = Path("photos")
    for name, number in (("a/one.png", 0), ("a/two.png", 1), ("b/three.png", 2)):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        picture = sorted(trial.pictures.glob("*.png"))[number]
        (photos / name).write_bytes(picture.read_bytes() + b"another file")
    assert trial.run("add", photos).exit_code == 0
    (photos / "a/one.png").unlink()
    (photos / "b").rename("elsewhere")

    result = trial.run("remove", "--missing", "--yes")
    assert result.stdout == "removed 1\n"
    assert "kept 1 images whose files were not found" in result.stderr and "photos/b: 1" in result.stderr
    assert trial.lines("remove", "--missing", "--yes") == [{"removed": 0, "kept": 1}]
    assert trial.lines("remove", "--missing", "--under", photos, "--yes") == [{"removed": 1, "kept": 0}]
