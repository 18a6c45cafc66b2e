"""Commands never overwrite files that they did not make, and refuse before any work begins."""

import os
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image

from phosphene.outputs import is_ours, mark
from trial import Trial

QUICK = ("-n", 1, "-k", 1, "--steps", 1, "--candidates", 1, "--seed", 1)


def photo(path: Path, **saved: bytes) -> bytes:
    Image.new("RGB", (32, 32), "teal").save(path, **saved)  # type: ignore[arg-type]
    return path.read_bytes()


def refused(result: Result, words: str) -> None:
    assert result.exit_code == 1 and words in result.stderr, result.stderr
    assert "wrote" not in result.stderr and result.stdout == ""


def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test fail if a model loads, because commands refuse before that."""

    def fail(*_: object, **__: object) -> None:
        pytest.fail("a model was loaded")

    monkeypatch.setattr("phosphene.embedding.open_embedder", fail)
    monkeypatch.setattr("phosphene.generators.of_library.open_generator", fail)


@pytest.mark.parametrize(
    "words",
    [
        ["search", "a house"],
        ["generate", "a house", *QUICK],
        ["walk", "a house", "the sea"],
        ["map"],
        ["show", "ID"],
        ["replay", "ID"],
    ],
)
def test_every_command_leaves_a_photo_alone_before_it_begins(
    trial: Trial, words: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    no_model(monkeypatch)
    before = photo(Path("lion.png"))
    named = [trial.generated()[0] if word == "ID" else word for word in words]
    refused(trial.run(*named, "-o", "lion.png"), "`lion.png` already exists, and bears no mark of phosphene")
    assert Path("lion.png").read_bytes() == before


def test_a_walk_leaves_a_photo_of_its_films_name_alone(trial: Trial) -> None:
    before = photo(Path("lion.webp"))
    refused(trial.run("walk", "a house", "the sea", "-o", "lion.png"), "`lion.webp` already exists")
    assert Path("lion.webp").read_bytes() == before and not Path("lion.png").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["search", "in.png"],
        ["search", "a house", "+", "./in.png"],
        ["generate", "a house", "--init", "in.png"],
        ["generate", "a house", "--init", "in.png", "--mask", "in.png"],
        ["generate", "a house", "--negative", "in.png"],
        ["walk", "in.png", "a house"],
        ["walk", "a house", "./in.png"],
        ["replay", "in.png"],
    ],
)
def test_no_command_overwrites_its_inputs(trial: Trial, words: list[str]) -> None:
    before = photo(Path("in.png"), exif=mark())
    os.link("in.png", "twin.png")
    for out in ("in.png", "twin.png"):
        refused(trial.run(*words, "-o", out), f"`{out}` is an input of this command")
    assert Path("in.png").read_bytes() == before


def test_force_overwrites_and_our_own_files_are_replaced_without_it(trial: Trial) -> None:
    photo(Path("sheet.png"))
    assert trial.run("map", "-o", "sheet.png", "--force").exit_code == 0
    assert is_ours(Path("sheet.png"))
    assert trial.run("map", "-o", "sheet.png").exit_code == 0


def test_the_files_of_a_walk_are_known_as_ours(trial: Trial) -> None:
    for _ in range(2):
        assert trial.run("walk", "a house", "the sea", "--steps", 3, "-o", "way.jpg").exit_code == 0
    assert is_ours(Path("way.jpg")) and is_ours(Path("way.webp"))


@pytest.mark.parametrize("name", ["pictures/new.png", "store/a.png", "deep/new.png"])
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_nothing_is_written_into_a_library(trial: Trial, name: str, force: list[str]) -> None:
    refused(trial.run("map", "-o", trial.library / name, *force), "lies inside the library")


def test_places_that_cannot_be_written_to_are_named_early(trial: Trial) -> None:
    Path("folder.png").mkdir()
    Path("file").touch()
    os.mkfifo("pipe.png")
    Path("null.png").symlink_to(os.devnull)
    Path("loop.png").symlink_to("loop.png")
    for name, words in {
        "folder.png": "is a folder, not a file",
        "file/map.png": "file` is a file, not a folder",
        "pipe.png": "is a device or a pipe",
        "null.png": "is a device or a pipe",
        "loop.png": "too many levels of symbolic links",
        "x" * 300 + ".png": "file name too long",
    }.items():
        refused(trial.run("map", "-o", name), words)
    assert trial.run("map", "-o", "/dev/stdout").exit_code == 2


def test_a_link_stays_a_link_and_folders_are_made(trial: Trial) -> None:
    Path("real").mkdir()
    Path("map.PNG").symlink_to("real/map.png")
    assert trial.run("map", "-o", "map.PNG").exit_code == 0
    assert Path("map.PNG").is_symlink() and is_ours(Path("real/map.png"))
    assert trial.run("map", "-o", "new/folder/map.webp").exit_code == 0


def test_a_demo_keeps_out_of_a_folder_of_somebody_else(trial: Trial) -> None:
    Path("mine/pictures").mkdir(parents=True)
    Path("mine/pictures/captions.json").write_text('{"images": [], "annotations": []}')
    refused(trial.run("demo", "mine"), "`mine/pictures` contains files that phosphene did not make")
    before = photo(Path("mine/map.png"))
    refused(trial.run("demo", "mine"), "`mine/map.png` already exists")
    assert Path("mine/map.png").read_bytes() == before
