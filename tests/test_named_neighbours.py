"""Neighbours that a user names, with the weights by which they lead a picture."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import phosphene
from command import lines, run
from drawn_library import drawn_library
from phosphene.errors import GenerationError, QueryError
from phosphene.library import Library

PROMPT = "a red house"
QUICK: dict[str, Any] = {"candidates": 1, "num_inference_steps": 1, "seed": 3}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_library(tmp_path_factory.mktemp("filled"), 12)


@pytest.fixture
def library(filled: Path, tmp_path: Path) -> Iterator[Library]:
    shutil.copytree(filled, tmp_path / "library")
    with phosphene.open(tmp_path / "library") as library:
        yield library


def led_by(library: Library, neighbours: int | None, weights: dict[str, float]) -> list[tuple[str, float]]:
    """The parents of a picture with their weights."""
    [made] = library.generate(PROMPT, 1, neighbours=neighbours, weights=weights, **QUICK)
    assert library.replay(made.image.id).identical
    return [(parent.id, parent.weight) for parent in made.image.parents]


def test_a_named_image_leads_and_counts_as_one_of_the_neighbours(library: Library) -> None:
    first, second, *_, last = (hit.image.id for hit in library.search(PROMPT, 12, origin="imported"))

    assert led_by(library, 2, {}) == [(first, 1.0), (second, 1.0)]
    assert led_by(library, 2, {last: 0.5}) == [(last, 0.5), (first, 1.0)]
    assert led_by(library, 2, {second: 3}) == [(second, 3.0), (first, 1.0)]
    assert led_by(library, 0, {last[:8]: 2.5, second: 1}) == [(last, 2.5), (second, 1.0)]
    assert len(led_by(library, None, {last: 2})) == 6


def test_a_neighbour_of_weight_0_is_left_out_and_the_next_one_takes_its_place(library: Library) -> None:
    first, second, third = (hit.image.id for hit in library.search(PROMPT, 3, origin="imported"))

    assert led_by(library, 2, {first: 0}) == [(second, 1.0), (third, 1.0)]
    assert led_by(library, 0, {first: 0}) == []


def test_weights_that_make_no_sense_and_unknown_images_are_refused(library: Library) -> None:
    [hit] = library.search(PROMPT, 1)
    with pytest.raises(GenerationError, match="weight of a neighbour must be between 0 and"):
        library.generate(PROMPT, 1, weights={hit.image.id: -1}, **QUICK)
    with pytest.raises(QueryError, match="No image has the id `abcdefgh`"):
        library.generate(PROMPT, 1, weights={"abcdefgh": 1}, **QUICK)
    many = {image.id: 1.0 for image in library.store.iterate()}
    with pytest.raises(GenerationError, match=r"12 neighbours, but .* at most 1 in the lane `start`"):
        library.generate(PROMPT, 1, weights=many, lane="start", **QUICK)


def test_the_command_takes_ids_with_and_without_weights(library: Library) -> None:
    first, second, third = (hit.image.id for hit in library.search(PROMPT, 3, origin="imported"))
    words = ("-L", library.folder, "generate", PROMPT, "-n", 1, "-k", 2, "--steps", 1, "--seed", 3)

    [made] = lines(*words, "--neighbour", f"{first}:0", "--neighbour", f"id:{third[:8]}")

    assert [(each["id"], each["weight"]) for each in made["parents"]] == [(third, 1.0), (second, 1.0)]
    for wrong in (f"{first}:much", f"{first}:-1", f"{first}:nan"):
        assert run(*words, "--neighbour", wrong).exit_code == 2
