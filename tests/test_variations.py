"""Variations of one picture, and pictures that are refused because they are copies."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import phosphene
from command import lines, run
from drawn_library import drawn_library
from phosphene.errors import GenerationError, QueryError
from phosphene.generation.copies import is_copy
from phosphene.landscape.scenes import SEEDS, write
from phosphene.library import Library

QUICK: dict[str, Any] = {"neighbours": 2, "candidates": 1, "num_inference_steps": 2}
LOOSE: dict[str, Any] = {**QUICK, "num_inference_steps": 1, "neighbour_strength": 1.0}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of 110 drawn pictures, enough to tell copies, and one generated picture."""
    folder = drawn_library(tmp_path_factory.mktemp("filled"), 110, size=128)
    with phosphene.open(folder) as library:
        library.generate("a red house", 1, seed=3, **LOOSE)
    return folder


@pytest.fixture
def library(filled: Path, tmp_path: Path) -> Iterator[Library]:
    shutil.copytree(filled, tmp_path / "library")
    with phosphene.open(tmp_path / "library") as library:
        yield library


# ── variations ────────────────────────────────────────────────────────────────────────────


def test_variations_start_from_the_picture_and_are_led_by_its_caption(library: Library) -> None:
    [hit] = library.search("a boat", 1, origin="imported")
    made = library.vary(hit.image.id, 2, seed=5, strength=0.3, **QUICK)
    assert [one.seed for one in made] == [5, 6]
    for one in made:
        recipe = one.image.recipe or {}
        assert recipe["prompt"] == " ".join(hit.image.caption.split())
        assert recipe["init"]["id"] == hit.image.id and recipe["strength"] == 0.3
        assert [parent.id for parent in one.image.parents if parent.role == "init"] == [hit.image.id]
        assert one.image.vector @ library.vector(f"id:{hit.image.id}") > 0.8
    assert library.replay(made[0].image.id).largest_difference in (0, 1)


def test_variations_of_a_generated_picture_are_led_by_its_prompt(library: Library, tmp_path: Path) -> None:
    [hit] = library.search("a red house", 1, origin="generated")
    copied = shutil.copy(library.path(hit.image), tmp_path / "elsewhere.png")
    for source in (hit.image.id, copied):
        [made] = library.vary(source, 1, seed=5, **QUICK)
        assert made.image.caption == "a red house"


def test_variations_of_a_picture_without_words_are_led_by_its_own_vector(
    library: Library, tmp_path: Path
) -> None:
    file = tmp_path / "plain.png"
    Image.effect_mandelbrot((64, 64), (-2, -1.5, 1, 1.5), 50).convert("RGB").save(file)
    [made] = library.vary(file, 1, seed=5, **QUICK)
    assert made.image.caption == "./plain.png" and made.score == pytest.approx(
        made.image.vector @ library.vector(str(file)), abs=1e-3
    )


def test_what_cannot_be_varied_is_an_error(library: Library) -> None:
    with pytest.raises(QueryError, match=r"There is no file `nothing\.png`"):
        library.vary("nothing.png")


def test_vary_works_from_the_command_line(library: Library, tmp_path: Path) -> None:
    [hit] = library.search("a boat", 1, origin="imported")
    words = ("vary", hit.image.uri, "-n", 2, "--seed", 1, "--strength", 0.2, "-k", 0)
    made = lines("-L", library.folder, *words, "-o", tmp_path / "sheet.png")
    assert [one["seed"] for one in made] == [1, 2] and (tmp_path / "sheet.png").exists()
    assert {one["role"] for one in made[0]["parents"]} == {"init"}
    assert run("-L", library.folder, "vary", "nothing.png").exit_code == 1


# ── copies ────────────────────────────────────────────────────────────────────────────────


def test_a_copy_is_tried_twice_more_and_then_named(library: Library) -> None:
    [hit] = library.search("a boat", 1, origin="imported")
    seeds: list[float] = []
    wishes: dict[str, Any] = {"init": hit.image.id, "strength": 0.01, "refuse_copies": True, **QUICK}
    before = library.status().generated
    with pytest.raises(GenerationError) as raised:
        library.generate("a boat", 1, seed=5, on_step=lambda step: seeds.append(step.share), **wishes)
    assert f"A picture is a copy of an imported image, also with two other seeds: `{hit.image.uri}`" in str(
        raised.value
    )
    assert raised.value.hint and seeds.count(1.0) == 3
    assert library.status().generated == before


def test_pictures_that_are_no_copies_are_kept(library: Library) -> None:
    made = library.generate("a red house in the snow", 2, seed=5, refuse_copies=True, **LOOSE)
    assert len(made) == 2 and not any(map(is_copy, made))
    assert all(library.path(one.image).exists() for one in made)
    assert library.status().generated == 3


def test_a_small_library_cannot_tell_copies(tmp_path: Path) -> None:
    write(tmp_path / "drawn", SEEDS["test"][:2], size=64, workers=1)
    with phosphene.open(tmp_path / "small", model="landscape", create=True) as library:
        library.add(tmp_path / "drawn")
        with pytest.raises(GenerationError, match="has 2 imported images, but 100 are needed"):
            library.generate("a boat", 1, refuse_copies=True, **LOOSE)
