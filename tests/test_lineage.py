import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngImageFile

from phosphene.images import png
from phosphene.recipes.lineage import (
    decode,
    descendants,
    encode,
    generated_id,
    parameters,
    parents_of,
    rounded,
    texts,
)
from phosphene.records import Image, Parent
from recipe import OLD_RECIPE, PARENT, RECIPE, START, VECTOR, changed


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
        ("num_inference_steps", 7),
        ("size", [32, 32]),
        ("weights", "0"),
        ("vector", encode(-VECTOR)),
        ("parents.0.weight", 0.5),
        ("parents.0.id", "b"),
        ("negative.0.vector", encode(VECTOR)),
        ("init.sha256", "dd"),
        ("guidance_scale", 2.0),
        ("candidate", 1),
        ("settings", {"image_guidance_scale": 2.0}),
    ],
)
def test_everything_that_decides_pixels_decides_the_id(path: str, value: Any) -> None:
    assert generated_id(changed(path, value)) != generated_id(RECIPE)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("prompt", "another wording"),
        ("generator", "renamed"),
        ("init.uri", "/moved.jpg"),
        ("mask", None),
        ("sampler", "Euler"),
    ],
)
def test_words_and_paths_do_not_change_the_id(path: str, value: Any) -> None:
    assert generated_id(changed(path, value)) == generated_id(RECIPE)


def test_the_order_of_the_keys_does_not_change_the_id() -> None:
    assert generated_id(dict(reversed(RECIPE.items()))) == generated_id(RECIPE)


def test_a_recipe_that_went_through_json_has_the_same_id() -> None:
    assert generated_id(json.loads(json.dumps(RECIPE))) == generated_id(RECIPE)


def test_a_png_says_that_a_model_made_it(tmp_path: Path) -> None:
    (tmp_path / "made.png").write_bytes(png(Pillow.new("RGB", (8, 8)), texts(RECIPE)))

    with Pillow.open(tmp_path / "made.png") as picture:
        assert isinstance(picture, PngImageFile)
        picture.load()
        assert picture.text["ai_generated"] == "true"
        assert "trainedAlgorithmicMedia" in picture.text["XML:com.adobe.xmp"]


def test_parameters_read_like_those_of_other_tools() -> None:
    prompt, negative, settings = parameters({**RECIPE, "sampler": "UniPC"}).splitlines()

    assert prompt == RECIPE["prompt"]
    assert negative == "Negative prompt: trees"
    assert settings.startswith(
        "Steps: 6, Sampler: UniPC, CFG scale: 3.0, Seed: 7, Size: 64x64, Model hash: ffff"
    )
    assert "Denoising strength: 0.6" in settings and "Mask" not in settings


def test_an_older_recipe_reads_the_same_and_keeps_its_id() -> None:
    """The version before this format gave the picture this id."""
    assert parameters({**OLD_RECIPE, "strength": 0.6}) == parameters({**RECIPE, "sampler": "UniPC"})
    assert generated_id(OLD_RECIPE) == "51c43a4c-e0db-52c7-b331-c87654cca98e"
    assert generated_id({**OLD_RECIPE, "format": 2}) == generated_id(OLD_RECIPE)


def test_parameters_name_inpainting() -> None:
    assert "Mask blur: 0, Masked content: original" in parameters({**RECIPE, "mask": RECIPE["init"]})
    assert "Denoising" not in parameters({**RECIPE, "init": None})


@pytest.mark.parametrize(
    "prompt",
    [
        "a house\nSteps: 99, Seed: 1",
        "Steps: 99, Seed: 1",
        "Negative prompt: houses\r\nSteps: 99",
        "a\x85Steps: 9",
    ],
)
def test_a_prompt_cannot_forge_settings(prompt: str) -> None:
    forged = changed("prompt", prompt)
    forged["negative"][0]["prompt"] = prompt

    said, negative, settings = parameters(forged).splitlines()

    assert not said.startswith(("Steps:", "Negative prompt:"))
    assert negative.startswith("Negative prompt: ") and settings.startswith("Steps: 6, ")


def test_the_name_of_a_generator_cannot_forge_settings() -> None:
    assert 'Model: "x, Seed: 1"' in parameters(changed("generator", "x, Seed: 1"))


def test_parents_keep_their_weights_and_similarities() -> None:
    assert parents_of(RECIPE) == (Parent(PARENT, 1.0, 0.5),)


def test_the_init_image_is_a_parent_with_a_role_and_only_its_file_decides_the_id() -> None:
    entry = {"id": START, "sha256": "cc" * 32, "weight": 1.0, "similarity": 0.4, "role": "init"}
    started = changed("parents", [*RECIPE["parents"], entry])

    assert parents_of(started)[1] == Parent(START, 1.0, 0.4, "init")
    assert generated_id(started) == generated_id(RECIPE)
    assert "Neighbours: 1" in parameters(started)


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
