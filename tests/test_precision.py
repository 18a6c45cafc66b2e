"""A library keeps the precision of its vectors, and int8 stays near to fp32."""

import json
from pathlib import Path

import numpy as np
import pytest

import phosphene
from command import run
from phosphene.device import usual_precision
from phosphene.embedding import open_embedder
from phosphene.errors import LibraryError, ModelError
from phosphene.manifest import Manifest, space_of
from phosphene.records import Precision, Space
from pictures import drawn
from tiny import tiny_clip

PLACE = "a place"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"local-dir:{tiny_clip(tmp_path_factory.mktemp('model'))}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(3):
        drawn(seed).save(folder / f"{seed}.png")
    return folder


def vectors(model: str, precision: Precision, seeds: range) -> np.ndarray:
    embedder = open_embedder(model, device="cpu", precision=precision)
    return embedder.pictures([embedder.prepare(drawn(seed)) for seed in seeds]).vectors


def test_int8_is_near_to_fp32_and_not_the_same(model: str) -> None:
    exact, rounded = vectors(model, "fp32", range(4)), vectors(model, "int8", range(4))

    assert not np.array_equal(exact, rounded)
    assert np.all(np.sum(exact * rounded, axis=1) > 0.99)


def test_a_vector_in_int8_does_not_depend_on_its_batch(model: str) -> None:
    together, alone = vectors(model, "int8", range(4)), vectors(model, "int8", range(3, 4))

    np.testing.assert_array_equal(together[3], alone[0])


def test_texts_have_the_same_vectors_in_both(model: str) -> None:
    exact, rounded = (open_embedder(model, device="cpu", precision=one) for one in ("fp32", "int8"))

    assert exact.space.id == rounded.space.id
    np.testing.assert_array_equal(exact.texts(["snow"]), rounded.texts(["snow"]))


def test_a_library_keeps_its_precision(model: str, folder: Path, tmp_path: Path) -> None:
    with phosphene.open(tmp_path / "a.lib", model=model, precision="int8", create=True, device="cpu") as new:
        assert new.add([folder / "0.png"]).added == 1
    with phosphene.open(tmp_path / "a.lib", model=model, device="cpu") as library:
        assert library.add([folder]).added == 2
        found = {Path(image.uri).stem: image.vector for image in library.store.iterate(vectors=True)}

        assert library.space.precision == library.embedder.space.precision == "int8"
    stored = np.stack([found[str(seed)] for seed in range(3)])
    np.testing.assert_allclose(stored, vectors(model, "int8", range(3)), atol=1e-6)


def test_another_precision_is_refused(model: str, tmp_path: Path) -> None:
    phosphene.open(tmp_path / "a.lib", model=model, precision="int8", create=True, device="cpu").close()

    with pytest.raises(LibraryError, match="are in int8, not in fp32"):
        phosphene.open(tmp_path / "a.lib", precision="fp32")


def test_the_command_line_makes_a_library_in_int8(model: str, folder: Path, tmp_path: Path) -> None:
    added = run("-L", tmp_path / "a.lib", "add", folder, "--model", model, "--precision", "int8")

    assert added.exit_code == 0
    manifest = Manifest.read(tmp_path / "a.lib")
    assert manifest is not None and manifest.space.precision == "int8"


def test_a_library_that_says_nothing_is_in_fp32() -> None:
    old = json.dumps({"id": "tiny:0123", "name": "landscape", "dimension": 8})

    assert space_of(old, PLACE) == Space("tiny:0123", "landscape", 8, "fp32")


def test_an_unknown_precision_is_damage() -> None:
    odd = json.dumps({"id": "tiny:0123", "name": "landscape", "dimension": 8, "precision": ["int8"]})

    with pytest.raises(LibraryError, match="the `precision` of its space"):
        space_of(odd, PLACE)


def test_the_model_of_a_plugin_has_no_int8(plugins: Path) -> None:
    with pytest.raises(ModelError, match="has no precision `int8`"):
        open_embedder("toy", precision="int8")


def test_processors_compute_in_fp32_unless_somebody_asks(model: str) -> None:
    assert usual_precision("cpu") == "fp32"
    assert open_embedder(model, device="cpu").space.precision == "fp32"
