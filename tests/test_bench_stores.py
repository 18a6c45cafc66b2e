"""The bench of stores: its vectors, the true neighbours, and the figures of a large store."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))  # its files are scripts, not a package

import large_store
import store_images

from phosphene.records import Space


def test_vectors_are_the_same_every_time_and_other_ones_for_another_seed() -> None:
    one, again, other = (store_images.vectors(50, 16, seed) for seed in (0, 0, 1))
    assert np.array_equal(one, again) and not np.allclose(one, other)
    assert np.linalg.norm(one, axis=1) == pytest.approx(np.ones(50), abs=1e-6)


def test_the_nearest_of_several_parts_are_those_of_all_vectors() -> None:
    queries = store_images.vectors(5, 16, seed=1)
    scores, numbers = np.empty((5, 0), np.float32), np.empty((5, 0), np.int64)
    for first, part in zip((0, 40, 80), store_images.parts(100, 16, seed=0, rows=40), strict=True):
        scores, numbers = large_store.nearer(scores, numbers, queries @ part.T, first)

    every = np.concatenate(list(store_images.parts(100, 16, seed=0, rows=40)))
    assert numbers.tolist() == np.argsort(-(queries @ every.T), axis=1)[:, :10].tolist()


def test_a_large_store_is_searched_by_its_index(tmp_path: Path) -> None:
    measured, calculated = large_store.measure(tmp_path, Space("bench:0", "bench", 64), 3000).items()

    assert (measured[0], calculated[0]) == ("LanceDB 3,000", "LanceDB 30,000, calculated")
    assert measured[1]["recall@10"] > 0.95
    assert calculated[1]["on disk, MB"] == pytest.approx(10 * measured[1]["on disk, MB"])
    assert "recall@10" not in calculated[1]
