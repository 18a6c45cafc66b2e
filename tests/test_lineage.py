import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from phosphene.errors import ImageError
from phosphene.images import save_png
from phosphene.lineage import (
    FORMAT,
    decode,
    descendants,
    encode,
    generated_id,
    parameters,
    parents_of,
    recipe_in,
    rounded,
    texts,
)
from phosphene.records import Image, Parent
from phosphene.vectors import unit

VECTOR = unit(np.arange(1, 9, dtype=np.float32))
RECIPE: dict[str, Any] = {
    "format": FORMAT,
    "prompt": "ein rotes Häuschen, 雪",
    "space": "tiny:0123",
    "vector": encode(VECTOR),
    "parents": [{"id": "a", "sha256": "aa", "weight": 1.0, "similarity": 0.5}],
    "negative": [{"prompt": "trees", "vector": encode(-VECTOR)}],
    "init": {"uri": "/pictures/a.jpg", "sha256": "cc"},
    "mask": None,
    "generator": "tiny",
    "weights": "ffffffffffffffff",
    "seed": 7,
    "steps": 6,
    "size": [64, 64],
    "text_guidance": 3.0,
    "neighbour_guidance": 1.5,
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The recipe with one entry changed, e.g. `parents.0.weight`."""
    recipe = copy.deepcopy(RECIPE)
    *way, last = (int(part) if part.isdigit() else part for part in path.split("."))
    place: Any = recipe
    for part in way:
        place = place[part]
    place[last] = value
    return recipe


def test_a_vector_survives_as_text() -> None:
    assert decode(encode(VECTOR)) == pytest.approx(VECTOR, abs=1e-3)
    assert np.linalg.norm(decode(encode(VECTOR))) == pytest.approx(1, abs=1e-6)


def test_rounding_twice_is_rounding_once() -> None:
    assert encode(rounded(VECTOR)) == encode(VECTOR)
    assert np.array_equal(rounded(rounded(VECTOR)), rounded(VECTOR))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", 8),
        ("steps", 7),
        ("size", [32, 32]),
        ("weights", "0"),
        ("vector", encode(-VECTOR)),
        ("parents.0.weight", 0.5),
        ("parents.0.id", "b"),
        ("negative.0.vector", encode(VECTOR)),
        ("init.sha256", "dd"),
        ("text_guidance", 2.0),
    ],
)
def test_whatever_decides_a_pixel_decides_the_id(path: str, value: Any) -> None:
    assert generated_id(changed(path, value)) != generated_id(RECIPE)


@pytest.mark.parametrize(
    ("path", "value"),
    [("prompt", "another wording"), ("generator", "renamed"), ("init.uri", "/moved.jpg"), ("mask", None)],
)
def test_words_and_places_decide_no_id(path: str, value: Any) -> None:
    assert generated_id(changed(path, value)) == generated_id(RECIPE)


def test_the_order_of_the_keys_decides_no_id() -> None:
    assert generated_id(dict(reversed(RECIPE.items()))) == generated_id(RECIPE)


def test_a_recipe_that_went_through_json_has_the_same_id() -> None:
    assert generated_id(json.loads(json.dumps(RECIPE))) == generated_id(RECIPE)


def test_a_png_gives_its_recipe_back(tmp_path: Path) -> None:
    save_png(Pillow.new("RGB", (8, 8)), tmp_path / "made.png", texts(RECIPE))

    assert recipe_in(tmp_path / "made.png") == RECIPE


def test_a_png_says_that_a_model_made_it(tmp_path: Path) -> None:
    save_png(Pillow.new("RGB", (8, 8)), tmp_path / "made.png", texts(RECIPE))

    with Pillow.open(tmp_path / "made.png") as picture:
        picture.load()
        assert picture.text["ai_generated"] == "true"
        assert "trainedAlgorithmicMedia" in picture.text["XML:com.adobe.xmp"]


def test_parameters_read_like_those_of_other_tools() -> None:
    prompt, negative, settings = parameters(RECIPE).splitlines()

    assert prompt == RECIPE["prompt"]
    assert negative == "Negative prompt: trees"
    assert settings.startswith(
        "Steps: 6, Sampler: UniPC, CFG scale: 3.0, Seed: 7, Size: 64x64, Model hash: ffff"
    )


def test_a_picture_without_a_recipe_is_refused_by_name(tmp_path: Path) -> None:
    save_png(Pillow.new("RGB", (8, 8)), tmp_path / "plain.png", {})

    with pytest.raises(ImageError, match=r"plain\.png` holds no phosphene recipe"):
        recipe_in(tmp_path / "plain.png")


def test_a_recipe_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    save_png(Pillow.new("RGB", (8, 8)), tmp_path / "new.png", texts(changed("format", FORMAT + 1)))

    with pytest.raises(ImageError, match=f"format {FORMAT + 1}"):
        recipe_in(tmp_path / "new.png")


def test_parents_keep_their_weights_and_similarities() -> None:
    assert parents_of(RECIPE) == (Parent("a", 1.0, 0.5),)


def child(id: str, *parents: str) -> Image:
    made = tuple(Parent(parent, 1.0, 0.5) for parent in parents)
    return Image(id, "", "", "", (), "generated", 1, 1, "", 1.0, parents=made)


def test_descendants_come_children_first_and_once() -> None:
    family = [
        child("grandchild", "first", "second"),
        child("first", "root"),
        child("second", "root"),
        child("x", "y"),
    ]

    assert [image.id for image in descendants("root", family)] == ["first", "second", "grandchild"]
    assert descendants("grandchild", family) == []
