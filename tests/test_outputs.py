"""Nothing that phosphene did not make is overwritten, and nothing is written outside of a folder."""

import os
from pathlib import Path

import pytest
from PIL import Image

from phosphene.errors import LibraryError, OutputError
from phosphene.files import inside, write_whole
from phosphene.outputs import claim, claim_folder, is_ours, mark


def picture(path: Path, **saved: object) -> Path:
    Image.new("RGB", (8, 8), "teal").save(path, **saved)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_a_picture_of_ours_may_be_replaced_and_anybody_elses_not(tmp_path: Path, ending: str) -> None:
    ours = picture(tmp_path / f"sheet.{ending}", exif=mark())
    theirs = picture(tmp_path / f"lion.{ending}")
    assert is_ours(ours) and claim(ours) == ours
    with pytest.raises(OutputError, match=rf"lion.{ending}`.*bears no mark of phosphene") as refused:
        claim(theirs)
    assert "--force" in refused.value.hint
    assert claim(theirs, force=True) == theirs


def test_an_animation_is_known_as_ours(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "film.webp", save_all=True, append_images=frames[1:], exif=mark())
    assert is_ours(tmp_path / "film.webp")


def test_a_page_is_known_by_its_generator(tmp_path: Path) -> None:
    page, thesis = tmp_path / "index.html", tmp_path / "thesis.html"
    page.write_text('<!doctype html><meta name="generator" content="phosphene 0.1.0">')
    thesis.write_text("<p>I wrote this with phosphene")
    assert claim(page) == page
    with pytest.raises(OutputError):
        claim(thesis)


def test_new_and_empty_files_are_free_and_damaged_ones_are_not(tmp_path: Path) -> None:
    assert claim(tmp_path / "new.png")
    (tmp_path / "empty.png").touch()
    assert claim(tmp_path / "empty.png")
    (tmp_path / "half.png").write_bytes(picture(tmp_path / "whole.png", exif=mark()).read_bytes()[:40])
    with pytest.raises(OutputError):
        claim(tmp_path / "half.png")


def test_an_input_is_never_an_output_even_under_another_name(tmp_path: Path) -> None:
    start = picture(tmp_path / "start.png", exif=mark())
    (tmp_path / "link.png").symlink_to(start)
    os.link(start, tmp_path / "twin.png")
    for name in ("start.png", "link.png", "twin.png"):
        with pytest.raises(OutputError, match="is an input of this command"):
            claim(tmp_path / name, inputs=[start])


def test_a_folder_is_no_file_and_a_file_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a folder"):
        claim(tmp_path)
    with pytest.raises(OutputError, match="is a file"):
        claim_folder(picture(tmp_path / "a.png"), lambda _: True)


def test_a_folder_with_somebodys_files_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "Documents"
    assert claim_folder(folder, lambda _: False) == folder
    folder.mkdir()
    assert claim_folder(folder, lambda _: False) == folder
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"Documents`.*did not make"):
        claim_folder(folder, lambda _: False)
    assert claim_folder(folder, lambda found: (found / "thesis.txt").exists()) == folder
    assert claim_folder(folder, lambda _: False, force=True) == folder


@pytest.mark.parametrize(
    "name", ["../cat.png", "a/../../cat.png", "/etc/passwd", "", ".", "a/..", "out/cat.png"]
)
def test_a_name_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    library, elsewhere = tmp_path / "library", tmp_path / "elsewhere"
    library.mkdir()
    elsewhere.mkdir()
    (library / "out").symlink_to(elsewhere)
    with pytest.raises(LibraryError, match="outside"):
        inside(library, name)


def test_a_name_inside_is_a_path(tmp_path: Path) -> None:
    assert inside(tmp_path, "pictures/a.png") == tmp_path / "pictures" / "a.png"


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o002, 0o664)])
def test_a_new_file_follows_the_umask_and_an_old_one_keeps_its_mode(
    tmp_path: Path, umask: int, mode: int
) -> None:
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "new", b"1")
        write_whole(secret, b"2")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == mode
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.read_bytes() == b"2"


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):
        write_whole(tmp_path / "taken", b"x")
    assert list(tmp_path.iterdir()) == [tmp_path / "taken"]
