from pathlib import Path

import numpy as np
import pytest

from oracle import Oracle
from phosphene.generation import novelty
from phosphene.generation.novelty import Baseline, measure
from phosphene.records import Image, Origin, Space
from phosphene.vectors import unit

SPACE = Space("tiny:0123", "tiny", 16)


def image(number: int, vector: np.ndarray, origin: Origin = "imported") -> Image:
    return Image(
        f"{origin}-{number:04d}", "", "", "", (), origin, 1, 1, "", 1.0, vector=vector, thumbnail=b""
    )


def filled(count: int) -> tuple[Oracle, np.ndarray]:
    vectors = unit(np.random.default_rng(1).standard_normal((count, SPACE.dimension)) + 1)
    store = Oracle(SPACE)
    store.upsert([image(number, vector) for number, vector in enumerate(vectors)])
    return store, vectors


def test_the_baseline_compares_each_image_to_its_nearest_other_one(tmp_path: Path) -> None:
    store, vectors = filled(120)
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -1)

    baseline = Baseline.of(store, tmp_path / "novelty.npz")

    assert baseline.similarities == pytest.approx(np.sort(scores.max(axis=1)), abs=1e-6)


def test_generated_images_do_not_belong_to_the_baseline(tmp_path: Path) -> None:
    store, vectors = filled(120)
    store.upsert([image(0, vectors[0], "generated")])

    assert Baseline.of(store, tmp_path / "novelty.npz").similarities.max() < 0.999


def test_a_copy_is_at_the_highest_percentile(tmp_path: Path) -> None:
    store, vectors = filled(120)
    baseline = Baseline.of(store, tmp_path / "novelty.npz")

    found = measure(store, baseline, vectors[3], parents=["imported-0003"])

    assert found is not None and found.without_parents is not None
    assert (found.nearest, found.exact) == ("imported-0003", True)
    assert found.similarity == pytest.approx(1, abs=1e-5)
    assert found.percentile == 100
    assert found.without_parents.nearest != "imported-0003"
    assert found.without_parents.similarity == pytest.approx(np.sort(vectors @ vectors[3])[-2], abs=1e-5)


def test_the_opposite_of_everything_is_at_the_lowest_percentile(tmp_path: Path) -> None:
    store, vectors = filled(120)

    found = measure(store, Baseline.of(store, tmp_path / "novelty.npz"), unit(-vectors.sum(axis=0)), [])

    assert found is not None
    assert found.percentile == 0


def test_under_a_hundred_images_there_is_no_percentile(tmp_path: Path) -> None:
    store, vectors = filled(novelty.FEWEST - 1)

    found = measure(store, Baseline.of(store, tmp_path / "novelty.npz"), vectors[0], [])

    assert found is not None
    assert found.percentile is None


def test_a_library_without_imported_images_has_no_novelty(tmp_path: Path) -> None:
    store = Oracle(SPACE)

    assert measure(store, Baseline.of(store, tmp_path / "novelty.npz"), filled(1)[1][0], []) is None


def test_the_baseline_is_kept_until_the_number_of_imported_images_changes(tmp_path: Path) -> None:
    store, vectors = filled(120)
    cache = tmp_path / "novelty.npz"
    first = Baseline.of(store, cache)
    written = cache.stat().st_mtime_ns

    assert np.array_equal(Baseline.of(store, cache).similarities, first.similarities)
    assert cache.stat().st_mtime_ns == written

    store.upsert([image(500, vectors[0])])

    assert Baseline.of(store, cache).similarities.max() == pytest.approx(1, abs=1e-6)


def test_a_large_library_is_sampled(tmp_path: Path) -> None:
    store, vectors = filled(300)
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -1)

    sampled = Baseline.of(store, tmp_path / "novelty.npz", sample=50, block=32).similarities

    assert len(sampled) == 50
    assert np.isin(sampled.round(5), scores.max(axis=1).round(5)).all()
