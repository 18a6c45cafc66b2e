"""Pictures that phosphene made are generated images again when their files are added."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adding import add_to, contents, lance
from phosphene.images import png
from phosphene.recipes.lineage import encode, generated_id, parents_of, texts
from phosphene.records import Image
from phosphene.vectors import unit
from pictures import Colours, drawn


def recipe(seed: int, **changes: Any) -> dict[str, Any]:
    parent = {"id": "0" * 8 + "-0000-5000-8000-" + "0" * 12, "sha256": "0" * 64, "weight": 1.0}
    return {
        "format": 1,
        "prompt": "a red house",
        "space": Colours.space.id,
        "vector": encode(unit(np.arange(108) - 50.0)),
        "parents": [{**parent, "similarity": 0.5}],
        "negative": [],
        "init": None,
        "mask": None,
        "generator": "builtin",
        "weights": "0" * 64,
        "seed": seed,
        "steps": 4,
        "size": [64, 48],
        "text_guidance": 2.0,
        "neighbour_guidance": 1.0,
        **changes,
    }


def made(path: Path, seed: int, *, pixels: int | None = None, **changes: Any) -> str:
    """Write a picture with a recipe, and return the id that follows from the recipe."""
    described = recipe(seed, **changes)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(drawn(seed if pixels is None else pixels), texts(described)))
    return generated_id(described)


def stored(library: Path) -> dict[str, Image]:
    return {image.id: image for image in lance(library).iterate(vectors=True)}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "lib"


def test_a_picture_comes_back_with_its_id_prompt_parents_and_time(library: Path, tmp_path: Path) -> None:
    id = made(tmp_path / "in/a.png", 1)
    os.utime(tmp_path / "in/a.png", (1_700_000_000, 1_700_000_000))

    assert add_to(library, tmp_path / "in", open_store=lance).added == 1

    image = stored(library)[id]
    assert (image.origin, image.caption, image.captions) == ("generated", "a red house", ("a red house",))
    assert image.recipe == recipe(1)
    assert image.parents == parents_of(recipe(1))
    assert image.created.startswith("2023-11-14T22:13:20")
    assert image.vector is not None
    assert add_to(library, tmp_path / "in", open_store=lance).unchanged == 1
    assert stored(library).keys() == {id}


def test_a_recipe_of_another_space_is_kept_as_it_is(library: Path, tmp_path: Path) -> None:
    id = made(tmp_path / "in/a.png", 1, space="another:space", vector=encode(unit(np.arange(8) - 2.0)))
    add_to(library, tmp_path / "in", open_store=lance)
    image = stored(library)[id]
    assert image.recipe is not None and image.recipe["space"] == "another:space"
    assert image.vector is not None and image.vector.shape == (108,)


@pytest.mark.parametrize("wrong", [{"seed": "one"}, {"parents": None}, {"format": 99}, {"steps": -1}])
def test_a_picture_with_an_invalid_recipe_is_imported_like_any_other(
    library: Path, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    described = texts(recipe(1))
    described["phosphene"] = str({**recipe(1), **wrong}).replace("'", '"').replace("None", "null")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(png(drawn(1), described))
    assert add_to(library, tmp_path / "in", open_store=lance).added == 1
    [image] = stored(library).values()
    assert (image.origin, image.recipe) == ("imported", None)


@pytest.mark.parametrize("forged", ["in/0.png", "in/b.png"], ids=["first by name", "last by name"])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_forged_recipe_does_not_change_the_image_that_it_names(
    library: Path, tmp_path: Path, forged: str, at_once: bool
) -> None:
    """Of two new files the one with the first name is added. An existing image is never changed."""
    id = made(tmp_path / "in/a.png", 1)
    if not at_once:
        add_to(library, tmp_path / "in", open_store=lance)
        before = contents(library, lance)["images"]
    assert made(tmp_path / forged, 1, pixels=2, prompt="something else") == id

    add_to(library, tmp_path / "in", open_store=lance)

    after = contents(library, lance)["images"]
    assert after.keys() == {id}
    if not at_once:
        assert after == before
    image = stored(library)[id]
    assert Path(image.uri).read_bytes() and image.sha256 == digest(Path(image.uri))


def digest(path: Path) -> str:
    from phosphene.images import digest

    return digest(path)


def test_adding_a_copy_does_not_move_an_image_of_the_library(library: Path, tmp_path: Path) -> None:
    id = made(tmp_path / "in/x.png", 1)
    (library / "pictures").mkdir(parents=True)
    own = library / "pictures" / f"{id}.png"
    own.write_bytes((tmp_path / "in/x.png").read_bytes())
    add_to(library, own.parent, open_store=lance)
    before = contents(library, lance)["images"]

    add_to(library, tmp_path / "in", open_store=lance)
    assert contents(library, lance)["images"] == before
    (tmp_path / "in/x.png").write_bytes(own.read_bytes()[:100])
    add_to(library, tmp_path / "in", open_store=lance)
    made(tmp_path / "in/x.png", 2)
    add_to(library, tmp_path / "in", open_store=lance)

    assert contents(library, lance)["images"][id] == before[id]
    assert stored(library)[id].uri == f"pictures/{id}.png"


def test_a_moved_file_is_found(library: Path, tmp_path: Path) -> None:
    id = made(tmp_path / "in/a.png", 1)
    add_to(library, tmp_path / "in", open_store=lance)
    (tmp_path / "in/a.png").rename(tmp_path / "in/b.png")
    add_to(library, tmp_path / "in", open_store=lance)
    assert Path(stored(library)[id].uri).name == "b.png"


def test_captions_of_files_are_added_to_the_prompt(library: Path, tmp_path: Path) -> None:
    id = made(tmp_path / "in/a.png", 1)
    (tmp_path / "in/a.txt").write_text("the house of my grandmother in winter")
    add_to(library, tmp_path / "in", open_store=lance)
    image = stored(library)[id]
    assert image.caption == "a red house"
    assert set(image.captions) == {"a red house", "the house of my grandmother in winter"}
