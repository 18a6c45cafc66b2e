"""The command line with init images that are not square, and with masks as drawing programs save them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import phosphene
from phosphene.errors import GenerationError
from phosphene.generation.replaying import plan_again
from phosphene.landscape.scenes.drawing import draw
from phosphene.landscape.scenes.scene import compose
from phosphene.recipes import in_picture
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
    words = (
        "generate",
        "a sun",
        *QUICK,
        "--init",
        sun(size, Path("long.png")),
        "--mask",
        "keep.png",
        "--fit",
        "crop",
    )
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


def test_a_mask_on_a_transparent_layer_keeps_unpainted_parts(trial: Trial) -> None:
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


# ── pictures that keep their full size ────────────────────────────────────────────────────


def pixels(file: str | Path) -> Any:
    return np.asarray(Image.open(file).convert("RGB"))


def test_a_rectangle_of_a_large_picture_is_repainted_and_no_pixel_outside_of_it_changes(trial: Trial) -> None:
    start = sun((700, 420), Path("large.png"))
    words = ("generate", "a tree", *QUICK, "--init", start, "--mask", "40,200,120,180")
    [made] = trial.lines(*words)
    here, there = pixels(made["uri"]), pixels(start)
    assert here.shape == there.shape
    inside = np.zeros(here.shape[:2], dtype=bool)
    inside[200:380, 40:160] = True
    assert np.array_equal(here[~inside], there[~inside])
    assert (here[inside] != there[inside]).any(axis=-1).mean() > 0.8

    recipe = in_picture(Path(made["uri"]))
    assert recipe and recipe["mask"] == {"rectangle": [40, 200, 120, 180]}
    assert recipe["region"] == [0, 16, 404, 420] and recipe["size"] == [256, 256]
    [again] = trial.lines("replay", made["uri"])
    assert (again["id"], again["identical"]) == (made["id"], True)


def test_a_mask_in_a_file_of_any_size_keeps_the_full_size_and_replays(trial: Trial) -> None:
    start = sun((300, 500), Path("tall.png"))
    mask = Image.new("L", (30, 50), 0)
    mask.paste(255, (0, 0, 30, 12))
    mask.save("mask.png")
    [made] = trial.lines("generate", "a tree", *QUICK, "--init", start, "--mask", "mask.png")
    here, there = pixels(made["uri"]), pixels(start)
    assert here.shape == there.shape and np.array_equal(here[130:], there[130:])
    assert not np.array_equal(here[:100], there[:100])
    [again] = trial.lines("replay", made["id"])
    assert again["identical"]


def test_a_file_whose_name_is_a_rectangle_is_the_file(trial: Trial) -> None:
    start = sun((256, 256), Path("start.png"))
    mask = Image.new("L", (256, 256), 0)
    mask.paste(255, (0, 0, 256, 64))
    mask.save("file.png")
    Path("file.png").rename("0,128,256,128")
    [made] = trial.lines("generate", "a tree", *QUICK, "--init", start, "--mask", "0,128,256,128")
    assert np.array_equal(pixels(made["uri"])[64:], pixels(start)[64:])


@pytest.mark.parametrize("rectangle", ["250,0,10,10", "0,0,0,10", "-5,0,10,10", "0,0,999999,1"])
def test_a_rectangle_that_does_not_lie_on_the_picture_is_an_error(trial: Trial, rectangle: str) -> None:
    start = sun((256, 256), Path("start.png"))
    ended = trial.run("generate", "a tree", *QUICK, "--init", start, f"--mask={rectangle}")
    assert ended.exit_code == 1
    assert f"The rectangle {rectangle} does not lie on the init image, which is 256x256" in ended.stderr
    assert "hint: give x, y, width and height in pixels" in ended.stderr


@pytest.mark.parametrize("numbers", ["1,2,3", "1 2 3 4", "0.5,0,1,1"])
def test_numbers_that_are_no_rectangle_are_not_taken_for_words(trial: Trial, numbers: str) -> None:
    ended = trial.run(
        "generate", "a tree", *QUICK, "--init", sun((256, 256), Path("start.png")), f"--mask={numbers}"
    )
    assert ended.exit_code == 1 and f"The mask `{numbers}` is not a rectangle" in ended.stderr


def test_a_recipe_with_a_rectangle_needs_no_mask(trial: Trial) -> None:
    start = sun((256, 256), Path("start.png"))
    [made] = trial.lines("generate", "a tree", *QUICK, "--init", start, "--mask", "0,0,64,64")
    ended = trial.run("replay", made["id"], "--mask", start)
    assert ended.exit_code == 1 and "which is not in a file" in ended.stderr


# ── extending pictures ────────────────────────────────────────────────────────────────────


def test_an_extended_picture_holds_the_old_one_bit_for_bit_and_replays(trial: Trial) -> None:
    start = sun((300, 200), Path("start.png"))
    words = ("generate", "a sea", *QUICK, "--init", start, "--outpaint", "left=128,bottom=40")
    [made] = trial.lines(*words)
    here, there = pixels(made["uri"]), pixels(start)
    assert here.shape == (240, 428, 3) and np.array_equal(here[:200, 128:], there)
    assert here[:, :128].std() > 0

    recipe = in_picture(Path(made["uri"]))
    assert recipe and recipe["mask"] == {"margins": [128, 0, 0, 40]} and recipe["strength"] == 1.0
    [again] = trial.lines("replay", made["uri"])
    assert (again["id"], again["identical"]) == (made["id"], True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--outpaint", "left=10"), "need a picture to change"),
        (("--init", "start.png", "--outpaint", "up=10"), "is not SIDE=PIXELS"),
        (("--init", "start.png", "--outpaint", "left=1,left=2"), "is not SIDE=PIXELS"),
        (("--init", "start.png", "--outpaint", "left=0"), "must have a margin of 1 to 8192 pixels"),
        (("--init", "start.png", "--outpaint", "left=9", "--mask", "1,1,1,1"), "cannot be used at once"),
    ],
)
def test_margins_that_make_no_sense_are_a_wrong_call(trial: Trial, words: list[str], says: str) -> None:
    sun((256, 256), Path("start.png"))
    ended = trial.run("generate", "a sea", *QUICK, *words)
    assert ended.exit_code == 2 and says in ended.stderr


def test_a_picture_is_not_extended_without_end(trial: Trial) -> None:
    start = sun((256, 8), Path("start.png"))
    margins = "left=8192,right=8192"
    ended = trial.run("generate", "a sea", *QUICK, "--init", start, "--outpaint", margins)
    assert ended.exit_code == 1 and "would have 16640x8 pixels, which is too large" in ended.stderr


# ── words as masks ────────────────────────────────────────────────────────────────────────


def test_words_repaint_what_they_name_and_the_recipe_keeps_where_that_was(trial: Trial) -> None:
    scene = draw(compose(200_101), 320)  # three firs at the left, a red house at the right
    scene.save("scene.png")
    words = ("generate", "a tent", *QUICK, "--init", "scene.png", "--mask", "the red house")
    [made] = trial.lines(*words)
    changed = (pixels(made["uri"]) != pixels("scene.png")).any(axis=-1)
    assert changed[150:290, 200:].mean() > 0.5 and not changed[:, :130].any() and not changed[:100].any()

    recipe = in_picture(Path(made["uri"]))
    assert recipe and recipe["mask"]["words"] == "the red house" and len(recipe["mask"]["png"]) < 1000
    [again] = trial.lines("replay", made["uri"])
    assert (again["id"], again["identical"]) == (made["id"], True)


def test_a_mask_is_shown_and_nothing_is_made(trial: Trial) -> None:
    draw(compose(200_101), 320).save("scene.png")
    before = trial.generated()
    words = ("generate", "a tent", "--init", "scene.png", "--show-mask", "shown.png")
    for mask in (("--mask", "the red house"), ("--mask", "10,10,50,50"), ("--outpaint", "top=20")):
        assert trial.run(*words, *mask).exit_code == 0
        shown, size = pixels("shown.png"), (340 if "--outpaint" in mask else 320, 320)
        assert shown.shape == (*size, 3)
    assert (shown[:20] != pixels("scene.png")[:20]).mean() > 0.9
    assert np.array_equal(shown[20:], pixels("scene.png")) and trial.generated() == before


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--mask", "house.png"), 1, "There is no file `house.png`"),
        (("--mask", "abcdef0123"), 1, "No image has the id `abcdef0123`"),
        (("--mask", "- the house"), 1, "has only negative terms"),
        ((), 2, "Pass --mask or --outpaint, too."),
    ],
)
def test_words_that_are_no_mask_are_an_error(trial: Trial, words: list[str], code: int, says: str) -> None:
    sun((256, 256), Path("start.png"))
    ended = trial.run("generate", "a tree", "--init", "start.png", "--show-mask", "m.png", *words)
    assert ended.exit_code == code and says in ended.stderr


def test_a_damaged_mask_in_a_recipe_is_an_error(trial: Trial) -> None:
    draw(compose(200_101), 256).save("scene.png")
    [made] = trial.lines("generate", "a tent", *QUICK, "--init", "scene.png", "--mask", "the red house")
    recipe = in_picture(Path(made["uri"])) or {}
    recipe["mask"]["png"] = recipe["mask"]["png"][:40]
    with phosphene.open(trial.library) as library, pytest.raises(GenerationError, match="is damaged"):
        plan_again(recipe, library.generation.planner)
