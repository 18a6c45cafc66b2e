"""The plan of `bench/scale.py` is the arithmetic that docs/scale.md describes."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))  # its files are scripts, not a package

import scale


def test_a_plan_has_as_many_workers_as_a_day_needs() -> None:
    found = scale.plan(864_000, rate=1.0, writer=1000.0)

    assert (found["worker hours"], found["workers"], found["hours with these workers"]) == (240, 10, 24.0)


def test_a_plan_has_no_more_workers_than_the_writer_feeds() -> None:
    found = scale.plan(100_000_000, rate=10.0, writer=95.0)

    assert found["workers"] == found["workers that one writer feeds"] == 9
    assert found["hours with these workers"] >= found["least hours of the writer"]


def test_memory_is_that_of_vectors_and_graph() -> None:
    found = scale.plan(100_000_000, rate=10.0, writer=1000.0)

    assert found["vectors, GB"] == 205
    assert found["Weaviate, memory with whole vectors, GB"] == 269
    assert found["Weaviate, memory with one bit a number, GB"] == 70
