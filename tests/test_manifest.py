import json
from pathlib import Path

import pytest

from phosphene.errors import LibraryError
from phosphene.manifest import FORMAT, NAME, Manifest
from phosphene.records import Space

SPACE = Space("tiny:0123", "landscape", 8)


def test_a_manifest_is_the_same_after_writing_and_reading(tmp_path: Path) -> None:
    Manifest(SPACE).write(tmp_path / "new" / "library")

    assert Manifest.read(tmp_path / "new" / "library") == Manifest(SPACE)


def test_an_empty_folder_and_a_missing_one_have_no_manifest_yet(tmp_path: Path) -> None:
    assert Manifest.read(tmp_path) is None
    assert Manifest.read(tmp_path / "missing") is None


def test_the_rest_of_a_killed_write_does_not_make_a_folder_look_used(tmp_path: Path) -> None:
    (tmp_path / f".{NAME}.abc.part").write_text("{")

    assert Manifest.read(tmp_path) is None


def test_a_folder_with_other_files_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()

    with pytest.raises(LibraryError, match="is not a library, and it is not empty") as caught:
        Manifest.read(tmp_path)

    assert str(tmp_path) in caught.value.message
    assert "-L" in caught.value.hint


def test_a_file_is_refused_as_a_library(tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    file.touch()

    with pytest.raises(LibraryError, match="is a file"):
        Manifest.read(file)


def test_a_library_of_a_newer_version_is_refused_with_both_versions(tmp_path: Path) -> None:
    Manifest(SPACE, format=FORMAT + 1).write(tmp_path)

    with pytest.raises(
        LibraryError, match=f"format {FORMAT + 1}. This version of phosphene reads up to format {FORMAT}"
    ) as caught:
        Manifest.read(tmp_path)

    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"format": 1}), '{"format": 1, "space": {}}'])
def test_a_damaged_manifest_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text(content)

    with pytest.raises(LibraryError, match="is damaged"):
        Manifest.read(tmp_path)
