"""Grids of settings, and films of pictures that form or turn into noise."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from command import lines, run
from drawn_library import drawn_library
from phosphene.landscape.scenes import SEEDS, write
from pictures import frame_count

PROMPT = "a red house in the snow"
QUICK = ("-k", 2, "--steps", 2, "--candidates", 1, "--seed", 7)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_library(tmp_path_factory.mktemp("filled"), 12)


@pytest.fixture
def library(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "library"))


def test_a_grid_has_a_picture_for_every_combination_and_keeps_each_with_its_recipe(
    library: Path, tmp_path: Path
) -> None:
    grid = ("--grid", "seeds=2,guidance=3,5.5,7", "-o", tmp_path / "grid.png")
    made = lines("-L", library, "generate", PROMPT, *QUICK, *grid)
    recipes = [lines("-L", library, "show", one["id"])[0]["recipe"] for one in made]
    found = [(recipe["seed"], recipe["guidance_scale"]) for recipe in recipes]
    assert found == [(seed, guidance) for seed in (7, 8) for guidance in (3, 5.5, 7)]
    with Image.open(tmp_path / "grid.png") as sheet:
        assert sheet.width > sheet.height  # three columns and two rows
    [again] = lines("-L", library, "replay", made[4]["id"])
    assert again["largest_difference"] in (0, 1)


def test_a_single_setting_varies_from_column_to_column_with_one_seed(library: Path, tmp_path: Path) -> None:
    grid = ("--grid", "strength=0.2,0.9", "-o", tmp_path / "grid.png")
    [hit] = lines("-L", library, "search", "a boat", "-n", 1)
    made = lines("-L", library, "generate", PROMPT, "--steps", 2, "--init", hit["uri"], *grid)
    assert len(made) == 2 and made[0]["seed"] == made[1]["seed"] and made[0]["id"] != made[1]["id"]


@pytest.mark.parametrize(
    ("grid", "says"),
    [
        ("colour=1,2", "the settings are seeds, guidance"),
        ("3,5", "the settings are seeds, guidance"),
        ("steps=2,steps=3", "each at most once"),
        ("guidance=low,high", "are not all numbers for guidance"),
        ("steps=2.5", "are not all numbers for steps"),
        ("seeds=1,2", "is a number of seeds"),
        ("seeds=0", "1 to 400 pictures"),
        ("seeds=21,guidance=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20", "1 to 400 pictures"),
        ("seeds=2,steps=2,guidance=3", "one or two settings"),
    ],
)
def test_a_grid_that_makes_no_sense_is_a_wrong_call(library: Path, grid: str, says: str) -> None:
    ended = run("-L", library, "generate", PROMPT, "--grid", grid, "-o", "grid.png")
    assert ended.exit_code == 2 and says in ended.stderr


def test_a_grid_needs_a_sheet(library: Path) -> None:
    ended = run("-L", library, "generate", PROMPT, "--grid", "seeds=2")
    assert ended.exit_code == 2 and "--grid needs a sheet" in ended.stderr


def test_values_that_the_generator_does_not_allow_are_an_error(library: Path, tmp_path: Path) -> None:
    grid = ("--grid", "guidance=500", "-o", tmp_path / "grid.png")
    ended = run("-L", library, "generate", PROMPT, *QUICK, *grid)
    assert ended.exit_code == 1 and "`guidance_scale` is 500" in ended.stderr


def test_a_film_shows_the_first_picture_at_each_of_its_steps(library: Path, tmp_path: Path) -> None:
    film = tmp_path / "forming.webp"
    words = ("-k", 0, "--steps", 3, "--seed", 7, "-n", 2, "--film", film)
    made = lines("-L", library, "generate", PROMPT, *words)
    with Image.open(film) as animation:
        assert frame_count(animation) == 3
    assert len(made) == 2 and lines("-L", library, "show", made[0]["id"])[0]["recipe"]["candidate"] == 0


def test_a_film_of_another_ending_is_refused_before_anything_is_made(library: Path) -> None:
    ended = run("-L", library, "generate", PROMPT, *QUICK, "--film", "film.mp4")
    assert ended.exit_code == 1 and "Its name must end in .webp" in ended.stderr
    assert lines("-L", library, "status")[0]["generated"] == 0


def test_a_picture_turns_into_noise(tmp_path: Path) -> None:
    write(tmp_path / "drawn", SEEDS["test"][:1], size=64, workers=1)
    [drawn] = (tmp_path / "drawn").glob("*.png")
    ended = run("noise", drawn, "--film", tmp_path / "noise.webp", "--steps", 5)
    assert ended.exit_code == 0
    with Image.open(tmp_path / "noise.webp") as film:
        assert frame_count(film) == 5
        film.seek(0)
        first = film.convert("RGB").resize((8, 8))
        film.seek(4)
        assert first != film.convert("RGB").resize((8, 8))
    assert run("noise", tmp_path / "nothing.png").exit_code == 1
    assert "is an input of this command" in run("noise", drawn, "--film", drawn).stderr
