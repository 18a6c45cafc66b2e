"""Clusters, outliers and unique images: on made-up vectors, and on drawn landscapes by the command line."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as pillow

import phosphene
from command import lines, run
from drawn_library import drawn_library
from oracle import SPACE, made
from phosphene.cli.sample_options import LIMIT as OFFERED
from phosphene.explore.clusters import clusters, named
from phosphene.explore.nearness import within
from phosphene.explore.outliers import outliers
from phosphene.explore.sample import LIMIT, Sample, sample
from phosphene.explore.unique import unique
from phosphene.filters import GENERATED
from phosphene.records import Image
from phosphene.store.lance.store import LanceStore
from phosphene.vectors import Vectors, unit

seeds = st.integers(0, 2**32 - 1)
THINGS = ("dog beach", "cat sofa", "car road", "tree hill")


def around(groups: int, each: int, seed: int = 0) -> tuple[Vectors, NDArray[np.int64]]:
    """Unit vectors (groups × each, 64) around middles that are far from each other, and their groups."""
    rng = np.random.default_rng(seed)
    middles, group = rng.normal(size=(groups, 64)), np.repeat(np.arange(groups), each)
    return unit(middles[group] + 0.4 * rng.normal(size=(len(group), 64))), group


def a_sample(vectors: Vectors, captions: list[str] | None = None) -> Sample:
    images = made(len(vectors))
    said = captions or [image.caption for image in images]
    described = (
        replace(cast("Image", image), caption=text, vector=None)
        for image, text in zip(images, said, strict=True)
    )
    return Sample(tuple(described), vectors, len(vectors))


def test_clusters_are_found_and_named_by_their_captions() -> None:
    vectors, group = around(4, 60)
    noise = unit(np.random.default_rng(1).normal(size=(8, 64)))
    captions = [f"a picture of a {THINGS[number]}" for number in group] + ["a picture of a thing"] * 8
    taken = a_sample(np.concatenate([vectors, noise]), captions)

    found = clusters(taken)

    assert {frozenset(each.name[:2]) for each in found.clusters} == {
        frozenset(each.split()) for each in THINGS
    }
    for cluster in found.clusters:
        assert 60 <= len(cluster.members) <= 64
        assert len({image.caption for image in cluster.members[:60]}) == 1
    assert {image.id for image in found.between} <= {image.id for image in taken.images[-8:]}
    assert [each.number for each in found.clusters] == [1, 2, 3, 4]


def test_the_first_member_is_the_one_nearest_to_the_middle() -> None:
    vectors, _ = around(2, 40)
    taken = a_sample(vectors)
    places = {image.id: place for place, image in enumerate(taken.images)}

    for cluster in clusters(taken).clusters:
        rows = taken.vectors[[places[image.id] for image in cluster.members]]
        near = rows @ unit(rows.mean(axis=0))
        assert (np.diff(near) <= 1e-6).all()
        assert cluster.spread == pytest.approx(
            1 - (rows @ rows.mean(axis=0)).mean() / np.linalg.norm(rows.mean(axis=0))
        )


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_a_few_images_have_no_clusters(count: int) -> None:
    taken = a_sample(around(1, 4)[0][:count])

    found = clusters(taken)

    assert found.clusters == () and len(found.between) == count


def test_words_that_connect_or_stand_everywhere_name_nothing() -> None:
    groups = [
        [replace(image, caption=f"a nice {thing} on the left") for image in made(3)]
        for thing in ("dog", "cat")
    ]

    assert named(groups) == [("dog",), ("cat",)]


def test_planted_strays_are_outliers() -> None:
    vectors, _ = around(3, 200)
    strays = unit(np.random.default_rng(5).normal(size=(20, 64)))
    taken = a_sample(np.concatenate([vectors, strays]))

    found = outliers(taken)

    assert {each.image.id for each in found[:20]} == {image.id for image in taken.images[-20:]}
    assert [each.distance for each in found] == sorted((each.distance for each in found), reverse=True)
    assert len(outliers(taken, 7)) == 7


@given(seed=seeds, count=st.integers(1, 30), k=st.integers(1, 12))
@settings(max_examples=50, deadline=None)
def test_distances_to_the_nearest_are_those_of_a_plain_search(seed: int, count: int, k: int) -> None:
    vectors = unit(np.random.default_rng(seed).normal(size=(count, 8)))
    similarities = vectors.astype(np.float64) @ vectors.T

    def plain(row: NDArray[np.float64]) -> float:
        return float(1 - np.sort(row)[::-1][:k].mean()) if len(row) else float("inf")

    others = [plain(np.delete(row, place)) for place, row in enumerate(similarities)]
    assert within(vectors, k) == pytest.approx(others, abs=1e-5)


@given(seed=seeds, count=st.integers(1, 40), wanted=st.integers(1, 50))
@settings(max_examples=50, deadline=None)
def test_unique_images_are_far_apart_and_stand_for_all(seed: int, count: int, wanted: int) -> None:
    taken = a_sample(unit(np.random.default_rng(seed).normal(size=(count, 8))))

    chosen = unique(taken, wanted)

    assert len({each.image.id for each in chosen}) == len(chosen) == min(wanted, count)
    assert sum(each.covers for each in chosen) == count
    distances = [each.distance for each in chosen[1:]]
    assert distances == sorted(distances, reverse=True)


def test_a_sample_is_the_same_each_time_and_takes_a_filter(tmp_path: Path) -> None:
    images = made(60)
    store = LanceStore.create(tmp_path / "store", SPACE)
    store.upsert(images)

    some, again, whole, generated = (
        sample(store, limit=20),
        sample(store, limit=20),
        sample(store),
        sample(store, GENERATED),
    )

    assert [image.id for image in some.images] == sorted(image.id for image in images)[:20]
    assert some.images == again.images and np.array_equal(some.vectors, again.vectors)
    assert some.total == 60 and not some.is_whole
    assert whole.is_whole and np.array_equal(
        whole.vectors[0], store.get([whole.images[0].id], vectors=True)[0].vector
    )
    assert {image.origin for image in generated.images} == {"generated"}
    store.close()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of 80 drawn landscapes."""
    return drawn_library(tmp_path_factory.mktemp("explored"), 80)


@pytest.mark.parametrize("command", ["clusters", "outliers", "unique"])
def test_a_command_prints_records_and_draws_a_sheet(library: Path, tmp_path: Path, command: str) -> None:
    more = {"clusters": ["--min-size", 4], "outliers": ["-n", 5], "unique": ["-n", 5]}[command]

    records = lines("-L", library, command, *more, "-o", tmp_path / "sheet.png")

    assert records
    with pillow.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 500 and len(sheet.convert("L").getcolors(1 << 16) or ()) > 100
    if command == "clusters":
        ids = [id for record in records for id in record["ids"]]
        assert len(set(ids)) == len(ids) and all(record["images"] == len(record["ids"]) for record in records)
        assert all(record["name"] for record in records)
    else:
        assert len({record["id"] for record in records}) == 5


def test_a_command_says_that_it_compared_a_sample(library: Path) -> None:
    result: Result = run("-L", library, "unique", "-n", 3, "--limit", 40)

    assert "compared 40 of 80 images; --limit raises that" in result.stderr


@pytest.mark.parametrize("command", ["clusters", "outliers", "unique"])
def test_a_command_finds_nothing_where_nothing_is(library: Path, command: str) -> None:
    result = run("-L", library, command, "--origin", "generated")

    assert result.exit_code == 0 and result.stdout == ""


def test_the_limit_of_the_commands_is_that_of_the_library() -> None:
    assert OFFERED == LIMIT


def test_a_library_explores_as_the_commands_do(library: Path) -> None:
    with phosphene.open(library) as opened:
        [first, *_] = opened.explore.unique(3)
        assert first.image.id == lines("-L", library, "unique", "-n", 1)[0]["id"]
        assert len(opened.explore.outliers(4)) == 4
        assert sum(len(each.members) for each in opened.explore.clusters(4).clusters) <= 80
