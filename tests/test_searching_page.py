"""The commands of docs/searching.md work, one after the other, and its tables name all fields."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

import phosphene
from command import lines, run
from phosphene.fields import Fields
from phosphene.store.filterable import kinds
from pictures import drawn
from tiny_checkpoints import open_clip_folder

PAGE = (Path(__file__).parent.parent / "docs" / "searching.md").read_text()
COMMANDS = [line.strip() for line in PAGE.splitlines() if line.startswith("    phosphene ")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the library and the picture that the page names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHOSPHENE_HOME", str(tmp_path / "home"))
    (tmp_path / "Pictures").mkdir()
    for seed in range(8):
        drawn(seed, (96, 64)).save(f"Pictures/{seed}.png")
    drawn(0, (192, 128)).save("harbour.jpg")
    model = f"local-dir:{open_clip_folder(tmp_path / 'clip', quick_gelu=True)}"
    with phosphene.open("photos.lib", model=model, create=True) as library:
        library.add("Pictures")
        fields = Fields(taken="2024-05-31T18:30:00Z", rating=5)
        images = library.store.get([image.id for image in library.store.iterate()], vectors=True)
        library.store.upsert([replace(image, fields=fields) for image in images[:4]])
    return tmp_path


@pytest.mark.timeout(600)
def test_every_command_of_the_page_works(folder: Path) -> None:
    assert len(COMMANDS) > 15
    for command in COMMANDS:
        _, *words = shlex.split(command.partition(" > ")[0] if command.endswith(".html") else command)
        result = run(*words)
        assert result.exit_code == 0, f"{command}\n{result.stderr}"
        if "rating:4.." in command and "search" in command:
            assert len(lines(*words)) == 4, command
    assert len(list((folder / "best-beaches").iterdir())) == 4
    assert (folder / "map-2024.png").exists()


def test_the_error_of_the_page_is_the_one_that_is_printed(folder: Path) -> None:
    shown = re.search(r"    \$ phosphene (.*takn.*)\n((?:    .*\n|\n)+)", PAGE)
    assert shown is not None

    result = run(*shlex.split(shown[1]))

    assert [line.strip() for line in result.stderr.splitlines()] == [
        line.strip() for line in shown[2].strip().splitlines()
    ]


def test_the_table_names_every_field() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}

    assert named >= set(kinds())
