"""The schema of images is one file, which is read, shipped in the wheel, and made into an Arrow schema."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from oracle import made
from phosphene.fields import EXACT, MAX_LETTERS, MAX_TEXTS, NAMES, NONE, Fields
from phosphene.records import Image
from phosphene.store import image_schema
from phosphene.store.properties import image_of, properties_of

TOP = Path(__file__).parent.parent
PROPERTIES = {each["name"]: each for each in image_schema.collection()["properties"]}


def test_the_collection_is_the_file_at_the_top() -> None:
    assert image_schema.collection() == json.loads((TOP / "schemas" / "image.json").read_text("utf-8"))


def test_a_caller_may_change_its_copy() -> None:
    image_schema.collection()["class"] = "Other"

    assert image_schema.collection()["class"] == "Image"


def test_every_field_of_an_image_has_a_place() -> None:
    kept_elsewhere = {"id", "vector", "fields"}
    beside_parents = {"parentWeights", "parentSimilarities"}

    assert {field.name for field in fields(Image)} - kept_elsewhere == set(PROPERTIES) - {
        *NAMES
    } - beside_parents
    assert {*NAMES} <= set(PROPERTIES)


def test_an_image_and_its_properties_are_one() -> None:
    for image in made(3):
        properties = properties_of(image)

        assert set(properties) == set(PROPERTIES) - {"thumbnail"}
        assert image_of(image.id, properties) == image


@pytest.mark.parametrize(
    ("name", "written", "read"),
    [
        ("taken", "2024-07-05T16:30:00+02:00", "2024-07-05T14:30:00Z"),
        ("taken", "2024-07-05", "2024-07-05T00:00:00Z"),
        ("taken", "2024-02-30T00:00:00Z", None),
        ("taken", "1500-01-01T00:00:00Z", None),
        ("taken", "2262-04-12T00:00:00Z", None),
        ("taken", 20240705, None),
        ("latitude", 48, 48.0),
        ("latitude", 90.1, None),
        ("latitude", float("nan"), None),
        ("longitude", "2.3", None),
        ("rating", 4.0, 4),
        ("rating", 4.5, None),
        ("rating", 6, None),
        ("rating", True, None),
        ("seed", EXACT + 1, None),
        ("seed", 10**400, None),
        ("guidance", float("inf"), None),
        ("prompt", "", None),
        ("prompt", "a" * (MAX_LETTERS + 1), "a" * MAX_LETTERS),
        ("prompt", "\udcff", None),
        ("model", {"name": "sd15"}, None),
        ("keywords", ["one", "", 2, None, "two"], ("one", "two")),
        ("keywords", "one", ()),
        ("keywords", ["one"] * (MAX_TEXTS + 1), ("one",) * MAX_TEXTS),
        ("other", [["nested"]], ()),
    ],
)
def test_a_field_that_another_program_wrote_is_read_within_bounds(name: str, written: Any, read: Any) -> None:
    assert image_of("id", {name: written}).fields == replace(NONE, **{name: read})
    assert properties_of(replace(made(1)[0], fields=Fields(**{name: written})))[name] == (
        list(read) or None if isinstance(read, tuple) else read
    )


def test_every_property_has_a_description_and_a_choice_of_index() -> None:
    for name, each in PROPERTIES.items():
        assert re.fullmatch(r"[a-z]+[A-Za-z0-9]*", name)
        assert each["description"].endswith(".")
        assert isinstance(each["indexFilterable"], bool)
        assert ("tokenization" in each) == (
            each["dataType"][0].startswith("text") and each["indexFilterable"]
        )


def test_large_texts_and_pictures_are_not_indexed() -> None:
    for name in ("recipe", "thumbnail"):
        assert not PROPERTIES[name]["indexFilterable"]
        assert not PROPERTIES[name].get("indexSearchable", False)


def test_the_vector_is_one_named_vector_of_ours_compared_by_cosine() -> None:
    [(name, vector)] = image_schema.collection()["vectorConfig"].items()

    assert (name, vector["vectorizer"]) == ("image", {"none": {}})
    assert vector["vectorIndexConfig"]["distance"] == "cosine"
    assert vector["vectorIndexConfig"]["rq"]["bits"] == 8


def test_arrow_has_the_id_every_property_but_blobs_and_the_vector() -> None:
    derived = image_schema.arrow(512)

    assert derived.names == ["id", *(name for name in PROPERTIES if name != "thumbnail"), "vector"]
    assert derived.field("vector").type == pa.list_(pa.float32(), 512)
    assert derived.field("parents").type == pa.list_(pa.string())
    assert derived.field("parentWeights").type == pa.list_(pa.float64())
    assert derived.field("width").type == pa.int64()
    assert image_schema.blobs().names == ["id", "thumbnail"]
    assert not derived.field("id").nullable


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel that the build backend builds from a copy of the sources."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(TOP / name, source)
    for name in ("plugin", "schemas"):
        shutil.copytree(TOP / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "weights"))
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    [built] = out.glob("*.whl")
    return built


def test_a_wheel_brings_the_schema_and_reads_it(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        assert packed.read("phosphene/schemas/image.json") == (TOP / "schemas" / "image.json").read_bytes()
        packed.extractall(tmp_path)

    ask = "from phosphene.store import image_schema as it; print(it.__file__, it.collection()['class'])"
    answer = subprocess.run(
        [sys.executable, "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert answer.stdout.split() == [str(tmp_path / "phosphene" / "store" / "image_schema.py"), "Image"]
