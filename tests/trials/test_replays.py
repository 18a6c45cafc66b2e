"""A picture can be made again wherever its files are now, and its recipe does not reveal their paths."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

import phosphene
from phosphene.recipes.lineage import KEY, generated_id
from trial import Trial

QUICK = ("-n", 1, "--steps", 1, "--candidates", 1)


def made(trial: Trial, *words: object) -> dict[str, Any]:
    """The record of the picture that `generate` has made."""
    [record] = trial.lines("generate", "a house at night", *QUICK, *words, "--json")
    return record


def shown(trial: Trial, id: str) -> dict[str, Any]:
    [record] = trial.lines("show", id, "--json")
    return record


def rewritten(trial: Trial, id: str, recipe: Mapping[str, Any]) -> None:
    """Replace the recipe of an image in the store."""
    from dataclasses import replace

    with phosphene.open(trial.library) as library:
        [image] = library.store.get([id], vectors=True)
        library.store.upsert([replace(image, recipe=recipe)])


def painted(path: Path, colour: str = "green") -> Path:
    path.parent.mkdir(exist_ok=True)
    Pillow.new("RGB", (64, 64), colour).save(path)
    return path


def test_an_init_image_is_a_parent_and_is_found_after_the_library_was_moved(trial: Trial) -> None:
    start = trial.generated()[0]

    child = made(trial, "-k", 1, "--seed", 9, "--init", f"id:{start[:13]}")

    assert [parent["role"] for parent in child["parents"]] == ["neighbour", "init"]
    record = shown(trial, child["id"])
    assert (record["parents"][1]["id"], record["parents"][1]["role"]) == (start, "init")
    assert -1 <= record["parents"][1]["similarity"] < 1
    assert record["recipe"]["init"].keys() == {"id", "sha256"}
    assert [each["id"] for each in shown(trial, start)["descendants"]] == [child["id"]]
    assert f"init\t{record['parents'][1]['similarity']:.3f}  {start}" in trial.run("show", child["id"]).stdout
    same = made(trial, "-k", 1, "--seed", 9, "--init", Path("a.lib/pictures") / f"{start}.png")
    novelty, before = same.pop("novelty"), child.pop("novelty")  # LanceDB and numpy round the cosine
    assert novelty["similarity"] == pytest.approx(before["similarity"], abs=1e-5)
    assert same == child

    moved = Trial(trial.folder, Path(shutil.move(trial.library, trial.folder / "b.lib")), trial.pictures)
    for recipe in (record["recipe"], older(record["recipe"], f"{trial.library}/pictures/{start}.png")):
        rewritten(moved, child["id"], recipe)
        [again] = moved.lines("replay", child["id"], "--json")
        assert again["identical"] and again["id"] == generated_id(recipe)


def older(recipe: Mapping[str, Any], uri: str) -> dict[str, Any]:
    """A recipe of the first version, which has the path of its init image but not the image as a parent."""
    kept = ("prompt", "space", "vector", "negative", "mask", "generator", "weights", "seed", "size")
    return {
        **{key: recipe[key] for key in kept},
        "format": 1,
        "parents": recipe["parents"][:1],
        "init": {"uri": uri, "sha256": recipe["init"]["sha256"]},
        "steps": recipe["num_inference_steps"],
        "text_guidance": recipe["guidance_scale"],
        "neighbour_guidance": recipe["settings"]["image_guidance_scale"],
        "strength": recipe["strength"],
    }


def test_a_picture_does_not_reveal_the_paths_of_its_maker(trial: Trial) -> None:
    start, mask = (
        painted(trial.folder / "jane-doe" / "start.png"),
        painted(trial.folder / "jane-doe" / "mask.png"),
    )
    painted(mask, "white")

    [record] = trial.lines(
        "generate",
        "snow",
        "+",
        start,
        *QUICK,
        "-k",
        0,
        "--init",
        start,
        "--mask",
        mask,
        "--negative",
        start,
        "--json",
    )

    file = trial.library / "pictures" / f"{record['id']}.png"
    assert b"jane-doe" not in file.read_bytes()
    assert "jane-doe" not in json.dumps(shown(trial, record["id"]))
    assert record["prompt"] == "snow + ./start.png"
    assert b"Denoising strength: 1.0, Mask blur: 0" in file.read_bytes()
    [again] = trial.lines("replay", record["id"], "--json")  # the journal of this machine knows their paths
    assert again["largest_difference"] <= 1

    start = start.rename(trial.folder / "moved.png")
    lost = trial.run("replay", file)
    sha256 = shown(trial, record["id"])["recipe"]["init"]["sha256"]
    assert lost.exit_code == 1 and sha256 in lost.stderr and "--init FILE" in lost.stderr
    wrong = trial.run("replay", file, "--init", mask)
    assert wrong.exit_code == 1 and "name the original file" in wrong.stderr
    [again] = trial.lines("replay", file, "--init", start, "--mask", mask, "--json")
    assert again["id"] == record["id"] and again["largest_difference"] <= 1


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_files_that_replay_writes_have_the_recipe_and_the_marks(trial: Trial, ending: str) -> None:
    id, out = trial.generated()[0], trial.folder / f"again.{ending}"

    assert trial.run("replay", id, "-o", out).exit_code == 0

    assert b"trainedAlgorithmicMedia" in out.read_bytes()
    with Pillow.open(out) as picture:
        assert str(picture.getexif()[0x0131]).startswith("phosphene")
        if ending != "png":
            comment = picture.getexif().get_ifd(0x8769)[0x9286]
            assert "Steps: 1, Sampler" in comment.removeprefix(b"UNICODE\0").decode("utf-16-be")
    [again] = trial.lines("replay", out, "--json")
    assert again["id"] == id and again["cosine"] > 0.98


def test_invalid_recipes_are_errors(trial: Trial) -> None:
    with Pillow.open(trial.library / "pictures" / f"{trial.generated()[0]}.png") as picture:
        recipe = json.loads(picture.info[KEY])
    texts = {
        "list": "[1, 2]",
        "deep": "[" * 100_000,
        "digits": '{"format": ' + "9" * 5000 + "}",
        "seed": json.dumps({**recipe, "seed": "7"}),
        "parents": json.dumps({key: value for key, value in recipe.items() if key != "parents"}),
        "escape": json.dumps({**recipe, "space": ["\x1b[2J"]}),
        "bomb": " " * 2**24,
    }
    for name, text in texts.items():
        chunks = PngInfo()
        chunks.add_itxt(KEY, text, zip=name == "bomb")
        Pillow.new("RGB", (8, 8)).save(f"{name}.png", pnginfo=chunks)

        ended = trial.run("replay", f"{name}.png")

        assert ended.exit_code == 1 and f"`{name}.png`" in ended.stderr, ended.stderr
        assert ended.stderr.startswith("Error: ") and "hint: " in ended.stderr


def test_an_invalid_recipe_in_a_library_is_shown_but_not_replayed(trial: Trial) -> None:
    id = trial.generated()[0]
    rewritten(trial, id, {"format": 1, "seed": {"odd": ["\x1b[2J"]}, "parents": 7})

    assert shown(trial, id)["recipe"]["parents"] == 7
    assert "\x1b[2J" not in trial.run("show", id).stdout
    ended = trial.run("replay", id)
    assert ended.exit_code == 1 and "`prompt`: field required" in ended.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--init", "missing.png"), "There is no file `missing.png`"),
        (("--init", "id:00000000"), "No image has the id `00000000`"),
        (("--init", "00000000-0000-0000-0000-000000000000"), "No image has the id"),
        (("--init", "text.png"), "`text.png` is not a usable picture"),
        (
            ("--init", "start.png", "--mask", "missing.png"),
            "There is no file `missing.png`",
        ),
    ],
)
def test_a_missing_init_image_is_an_error_before_a_model_loads(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    painted(trial.folder / "start.png")
    (trial.folder / "text.png").write_text("no picture")
    monkeypatch.setattr("phosphene.embedding.open_embedder", lambda *_, **__: pytest.fail("a model loads"))

    ended = trial.run("generate", "a house", "-n", 1, *words)

    assert ended.exit_code == 1 and said in ended.stderr


def test_replaying_a_missing_file_is_an_error(trial: Trial) -> None:
    assert "There is no file `missing.png`" in trial.run("replay", "missing.png").stderr
    assert "No image has the id `00000000`" in trial.run("replay", "id:00000000").stderr


def test_an_init_image_that_left_the_library_is_still_found(trial: Trial) -> None:
    start = trial.lines("search", "snow", "-n", 1, "--origin", "imported", "--json")[0]["id"]
    child = made(trial, "-k", 0, "--init", start)
    assert trial.run("remove", start, "--yes").exit_code == 0

    [again] = trial.lines("replay", child["id"], "-o", "again.png", "--json")

    assert again["identical"]
    with Pillow.open("again.png") as picture:
        assert json.loads(picture.info[KEY]) == shown(trial, child["id"])["recipe"]


def test_a_removed_parent_is_named_with_the_file_that_brings_it_back(trial: Trial) -> None:
    child = made(trial, "-k", 1, "--origin", "generated")
    parent = child["parents"][0]["id"]
    assert trial.run("remove", parent, "--yes").exit_code == 0

    ended = trial.run("replay", child["id"])

    file = trial.library / "pictures" / f"{parent}.png"
    assert ended.exit_code == 1 and f"phosphene add {file}" in ended.stderr


def test_a_recipe_of_another_space_is_refused(trial: Trial) -> None:
    id = trial.generated()[0]
    recipe = shown(trial, id)["recipe"]
    for key, value, said in (
        ("space", "other:0", "other:0"),
        ("vector", "ADwAPA==", "a vector of 2 numbers"),
    ):
        rewritten(trial, id, {**recipe, key: value})

        ended = trial.run("replay", id)

        assert ended.exit_code == 1 and said in ended.stderr and "hint: " in ended.stderr


def test_a_picture_that_is_kept_in_another_library_can_be_replayed_there(trial: Trial) -> None:
    child = made(trial, "-k", 0, "--init", trial.generated()[0], "--into", trial.folder / "b.lib")

    there = Trial(trial.folder, trial.folder / "b.lib", trial.pictures)

    assert shown(there, child["id"])["parents"] == [{**child["parents"][0], "uri": None}]
    assert there.lines("replay", child["id"], "--json")[0]["identical"]


def test_a_walk_prints_the_seed_that_repeats_it(trial: Trial) -> None:
    stops = trial.lines("walk", "a house", "a boat", "--steps", 2, "--generate", "--keep", "-o", "walk.png")

    recipes = [shown(trial, stop["generated"]["id"])["recipe"] for stop in stops]
    assert [stop["seed"] for stop in stops] == [recipe["seed"] for recipe in recipes]
    assert [stop["seed"] for stop in trial.lines("walk", "a house", "a boat", "--steps", 2)] == [None, None]
