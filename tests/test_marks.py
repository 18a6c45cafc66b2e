"""Files of generated pictures have the recipe and the marks, in every format that has room for them."""

from pathlib import Path

import pytest
from PIL import Image as Pillow

from phosphene.outputs import is_ours
from phosphene.recipes import in_content, in_picture
from phosphene.recipes.lineage import parameters
from phosphene.recipes.marks import COMMENT_TAG, UNICODE, marked
from recipe import RECIPE, changed

PICTURE = Pillow.new("RGB", (64, 64), "green")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_every_format_gives_the_recipe_back_and_says_that_a_model_made_it(
    tmp_path: Path, format: str
) -> None:
    path = tmp_path / "made"
    path.write_bytes(marked(PICTURE, RECIPE, format))

    assert in_picture(path) == in_content(path.read_bytes(), "made") == RECIPE
    assert b"trainedAlgorithmicMedia" in path.read_bytes()
    assert is_ours(path)


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_the_comment_is_the_line_that_other_tools_read(tmp_path: Path, format: str) -> None:
    (tmp_path / "made").write_bytes(marked(PICTURE, RECIPE, format))

    with Pillow.open(tmp_path / "made") as picture:
        comment = picture.getexif().get_ifd(0x8769)[COMMENT_TAG]
    assert comment.removeprefix(UNICODE).decode("utf-16-be") == parameters(RECIPE)


def test_a_recipe_that_is_too_long_for_a_jpeg_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "made").write_bytes(marked(PICTURE, changed("prompt", "a house " * 10_000), "JPEG"))

    assert in_picture(tmp_path / "made") is None
    assert is_ours(tmp_path / "made") and b"trainedAlgorithmicMedia" in (tmp_path / "made").read_bytes()
