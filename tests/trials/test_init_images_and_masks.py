"""The command line with init images that are not square, and with masks as drawing programs save them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from trial import Trial

QUICK = ("-n", 1, "--seed", 1, "--candidates", 1, "--steps", 1, "-k", 0)


def sun(size: tuple[int, int], file: Path) -> Path:
    """Write a picture of a sun of 160 pixels in the middle of a blue sky."""
    picture = Image.new("RGB", size, (120, 180, 235))
    x, y = size[0] // 2, size[1] // 2
    ImageDraw.Draw(picture).ellipse([x - 80, y - 80, x + 80, y + 80], fill=(250, 220, 60))
    picture.save(file)
    return file


def width_and_height(file: str) -> tuple[int, int]:
    """The width and height of the sun in a picture."""
    values = np.asarray(Image.open(file).convert("RGB")).astype(int)
    yellow = (values[..., 0] > 200) & (values[..., 2] < 120)
    return int(yellow.any(0).sum()), int(yellow.any(1).sum())


@pytest.mark.parametrize("size", [(640, 256), (256, 640)])
def test_the_sun_of_a_long_init_image_stays_round_and_the_warning_names_the_crop(
    trial: Trial, size: tuple[int, int]
) -> None:
    Image.new("L", size, 0).save("keep.png")
    words = ("generate", "a sun", *QUICK, "--init", sun(size, Path("long.png")), "--mask", "keep.png")
    ended = trial.run(*words, "-q")
    assert ended.exit_code == 0, ended.output
    assert f"The init image is {size[0]}x{size[1]}, of which only the middle 256x256 is used" in ended.stderr
    width, height = width_and_height(f"a.lib/pictures/{ended.stdout.strip()}.png")
    assert abs(width - height) <= 4
    assert width > 150


def test_a_picture_from_a_fitted_init_image_is_replayed_the_same(trial: Trial) -> None:
    start = sun((400, 256), Path("wide.png"))
    for fit in ("crop", "pad"):
        [made] = trial.lines("generate", "a sun", *QUICK, "--init", start, "--fit", fit)
        [again] = trial.lines("replay", made["id"])
        assert (again["id"], again["identical"]) == (made["id"], True)


def test_a_mask_on_a_transparent_layer_keeps_what_was_not_painted(trial: Trial) -> None:
    start = sun((256, 256), Path("start.png"))
    layer = Image.new("RGBA", (256, 256), (255, 255, 255, 0))
    layer.paste((255, 255, 255, 255), (0, 0, 64, 256))
    layer.save("layer.png")
    [made] = trial.lines("generate", "a tree", *QUICK, "--init", start, "--mask", "layer.png")
    here, there = (np.asarray(Image.open(file).convert("RGB")) for file in (made["uri"], start))
    assert np.array_equal(here[:, 64:], there[:, 64:])
    assert not np.array_equal(here[:, :64], there[:, :64])
    [again] = trial.lines("replay", made["id"])
    assert (again["id"], again["identical"]) == (made["id"], True)


@pytest.mark.parametrize("paint", [(0, 0, 0, 255), (255, 255, 255, 0)])
def test_a_mask_that_changes_nothing_is_an_error(trial: Trial, paint: tuple[int, ...]) -> None:
    Image.new("RGBA", (256, 256), paint).save("mask.png")
    start = sun((256, 256), Path("start.png"))
    ended = trial.run("generate", "a tree", *QUICK, "--init", start, "--mask", "mask.png")
    assert ended.exit_code == 1
    assert "The mask is black everywhere, so nothing would be made anew" in ended.stderr
    assert "hint: paint the area to change white: white parts of a mask are made anew" in ended.stderr
