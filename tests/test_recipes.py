"""Recipes that a stranger may have written are either valid or an error that names the key."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from phosphene.errors import ImageError
from phosphene.images import png
from phosphene.recipes import MAX_LENGTH, check, in_picture, parse, read, roles
from phosphene.recipes.formats import READABLE, current
from phosphene.recipes.lineage import encode, texts
from recipe import OLD_RECIPE, PARENT, RECIPE, START, VECTOR, changed


def written(recipe: Any) -> str:
    return json.dumps(recipe)


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in RECIPE.items() if name != key}


def test_a_valid_recipe_keeps_unknown_keys() -> None:
    recipe = {**RECIPE, "precision": "bfloat16", "of the future": {"deep": [1, None]}}

    assert read(written(recipe), "made.png") == recipe


def test_a_png_gives_its_recipe_back(tmp_path: Path) -> None:
    (tmp_path / "made.png").write_bytes(png(Pillow.new("RGB", (8, 8)), texts(RECIPE)))

    assert in_picture(tmp_path / "made.png") == RECIPE


def test_a_picture_without_a_recipe_holds_none(tmp_path: Path) -> None:
    (tmp_path / "plain.png").write_bytes(png(Pillow.new("RGB", (8, 8)), {}))
    Pillow.new("RGB", (8, 8)).save(tmp_path / "plain.jpg")

    assert in_picture(tmp_path / "plain.png") is None
    assert in_picture(tmp_path / "plain.jpg") is None


def test_a_recipe_of_a_newer_version_is_refused() -> None:
    with pytest.raises(ImageError, match=f"format {READABLE[-1] + 1}") as caught:
        read(written({"format": READABLE[-1] + 1}), "new.png")

    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Expecting value"),
        ("[]", "not a JSON object, but list"),
        ("null", "not a JSON object, but None"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"format": ' + "9" * 5000 + "}", "it contains a number of 5,000 digits"),
        ('{"format": NaN}', "NaN is not a number"),
        ('{"format": -Infinity}', "-Infinity is not a number"),
        ('{"format": 1e999}', "'1e999' is too large"),
        ('{"format": 1, "format": 2}', "it has the key 'format' twice"),
        ('{"prompt": "\\ud83c"}', "half of a Unicode character"),
        ('"' + "a" * MAX_LENGTH + '"', "characters, but may have at most 1,048,576"),
    ],
)
def test_texts_that_are_not_json_objects_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ImageError) as caught:
        parse(text, "odd.png")

    assert caught.value.message.startswith("The recipe in `odd.png` cannot be used: ")
    assert reason in caught.value.message and len(caught.value.message) < 200


@pytest.mark.parametrize("key", [key for key in RECIPE if key != "format"])
def test_a_key_that_is_missing_is_named(key: str) -> None:
    with pytest.raises(ImageError, match=f"`{key}`: field required"):
        read(written(without(key)), "short.png")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", "7"),
        ("seed", -1),
        ("seed", 2**63),
        ("seed", True),
        ("seed", 7.5),
        ("num_inference_steps", 0),
        ("num_inference_steps", 10**9),
        ("candidate", 10**9),
        ("size", [64]),
        ("size", [64, 10**9]),
        ("size", "64x64"),
        ("prompt", None),
        ("guidance_scale", -1.0),
        ("strength", 0),
        ("fit", "squash"),
        ("settings", []),
        ("settings", {f"n{number}": 1 for number in range(65)}),
        ("settings", {"Name": 1}),
        ("settings", {"../x": 1}),
        ("settings", {"lora": {"deeper": 1}}),
        ("settings", {"lora": ["a"]}),
        ("settings", {"text": "a" * 5_000}),
        ("words", {"prompt": "a house"}),
        ("parents", {}),
        ("parents.0", "x"),
        ("parents.0.id", "../../etc/passwd"),
        ("parents.0.id", PARENT.upper()),
        ("parents.0.id", PARENT + "\n"),
        ("parents.0.weight", -1.0),
        ("parents.0.similarity", "high"),
        ("parents.0.role", "uncle"),
        ("negative.0.prompt", 1),
        ("negative.0.vector", "????"),
        ("vector", 7),
        ("vector", "AAA="),
        ("vector", encode(VECTOR * 0)),
        ("vector", encode(VECTOR * float("inf"))),
        ("init", "here.png"),
        ("init.sha256", "../x"),
        ("init.id", "lion"),
        ("weights", 1),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_error_for_an_invalid_value_names_its_key(key: str, value: Any) -> None:
    with pytest.raises(ImageError) as caught:
        read(written(changed(key, value)), "odd.png")

    assert f"`{key}" in caught.value.message and caught.value.hint


def test_vectors_of_two_lengths_are_refused() -> None:
    with pytest.raises(ImageError, match="have different lengths"):
        read(written(changed("vector", encode(VECTOR[:4]))), "odd.png")


def test_a_mask_without_an_init_image_is_refused() -> None:
    with pytest.raises(ImageError, match="no `init` for the mask to lie on"):
        read(written({**RECIPE, "init": None, "mask": {"sha256": "00" * 32}}), "odd.png")


def test_errors_show_strangers_values_shortened_and_without_escapes() -> None:
    with pytest.raises(ImageError) as caught:
        read(written(changed("seed", "\x1b[2J" + "a" * 10_000)), "odd.png")

    assert caught.value.message.isprintable() and len(caught.value.message) < 200


def test_roles_come_from_the_recipe_if_it_fits_the_image() -> None:
    entries = [{"id": PARENT}, {"id": START, "role": "init"}]

    assert roles({"parents": entries}, [PARENT, START]) == ["neighbour", "init"]
    for odd in (None, {}, {"parents": 1}, {"parents": ["x", 2]}, {"parents": entries[:1]}):
        assert roles(odd, [PARENT, START]) == ["neighbour", "neighbour"]
    assert roles({"parents": entries}, [START, PARENT]) == ["neighbour", "neighbour"]


def test_recipes_of_older_formats_are_read_and_translated() -> None:
    old = {**OLD_RECIPE, "candidate": 2, "strength": 0.6, "mask": {"sha256": "00" * 32}}
    assert read(written(old), "old.png") == old
    today = current(old)
    check(today, "old.png")
    assert (today["num_inference_steps"], today["guidance_scale"], today["strength"]) == (6, 3.0, 0.6)
    assert today["fit"] == "stretch" and today["mask"]["transparency"] == "painted"
    assert today["settings"] == {
        "image_guidance_scale": 1.5,
        "neighbour_strength": 1.0,
        "precision": "float32",
    }
    assert current({**old, "transparent": "kept"})["mask"]["transparency"] == "kept"
    assert current(today) == today


@pytest.mark.parametrize(
    ("key", "value"), [("steps", 0), ("text_guidance", -1.0), ("neighbour_strength", 1.5)]
)
def test_recipes_of_older_formats_are_checked_just_as_strictly(key: str, value: Any) -> None:
    with pytest.raises(ImageError, match=f"`{key}`"):
        read(written({**OLD_RECIPE, key: value}), "old.png")
