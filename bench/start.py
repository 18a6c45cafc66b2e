"""Measure what commands cost before and after the model: `--help`, searches, and the next search.

    python bench/start.py -L demo/library [--runs 7] [--images 100000] [--json FILE]

Every run of a command is a process of its own. The figures are medians of seconds by the clock, of CPU
seconds, and of the peak memory in MB; the ratios are of CPU seconds, which other programs on the machine
hardly change. The first search has a text that the library has never seen, so it loads the model, which a
search before has exported. The repeated one finds the text's vector in the library.

The next search is timed in this process, in a library of `--images` random vectors of 512 numbers, in turns
with the product of the matrix of vectors and the query by numpy, which no exact search can beat.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import record

if TYPE_CHECKING:
    from phosphene.records import Image
    from phosphene.vectors import Vectors

HELP_AT_MOST = 3.0  # how many times as long as `python -c "import click"` it may take
DIMENSION, BATCH, QUERIES = 512, 2048, 30


class Cost(NamedTuple):
    """What a process takes: seconds by the clock and of the CPU, and the most memory in MB."""

    clock: float
    cpu: float
    memory: float


def main() -> None:
    arguments = _arguments()
    figures = measure(arguments.library, arguments.runs) | next_search(arguments.images)
    for name, value in figures.items():
        print(f"{name:<32} {value}")
    if arguments.json:
        record.write(arguments.json, figures)


def measure(library: Path, runs: int) -> dict[str, Any]:
    """The medians of the commands, and their ratios."""
    phosphene = [sys.executable, "-m", "phosphene", "-L", str(library)]
    click, help = _alternating([[sys.executable, "-c", "import click"], [*phosphene, "--help"]], 3 * runs)
    _cost([*phosphene, "search", f"a text of {time.time_ns()}"])
    first = _median(
        [_cost([*phosphene, "search", f"a red house, seen {time.time_ns()} times"]) for _ in range(runs)]
    )
    again = [*phosphene, "search", "a red house in the snow"]
    _cost(again)
    repeated = _median([_cost(again) for _ in range(runs)])
    return {
        **_named("import click", click),
        **_named("--help", help),
        "--help / import click": round(help.cpu / click.cpu, 2),
        "at most": HELP_AT_MOST,
        **_named("first search", first),
        **_named("repeated search", repeated),
        "repeated / first": round(repeated.cpu / first.cpu, 2),
        "runs": runs,
    }


def next_search(count: int) -> dict[str, Any]:
    """The median milliseconds of a search in a process that has searched before, and of numpy's product."""
    import numpy as np  # only now, as the memory of a command is at least that of the process that starts it

    from phosphene.records import Space
    from phosphene.store.lance.store import LanceStore
    from phosphene.vectors import unit

    random = np.random.default_rng(0)
    vectors, queries = (
        unit(random.standard_normal((rows, DIMENSION), dtype=np.float32)) for rows in (count, QUERIES)
    )
    with TemporaryDirectory() as folder:
        store = LanceStore.create(Path(folder), Space("bench:0", "bench", DIMENSION))
        for start in range(0, count, BATCH):
            store.upsert(list(_images(vectors, start, min(count, start + BATCH))))
        for query in queries[:2]:  # the second search of a version writes its snapshot
            store.near(query, 10)
        times = [(_ms(lambda: store.near(query, 10)), _ms(lambda: vectors @ query)) for query in queries]  # noqa: B023
    search, product = (statistics.median(column) for column in zip(*times, strict=True))
    return {
        "images": count,
        "next search, ms": round(search, 1),
        "numpy's product, ms": round(product, 1),
        "next search / product": round(search / product, 2),
    }


def _images(vectors: "Vectors", start: int, end: int) -> "Iterator[Image]":
    from phosphene.records import Image

    for number in range(start, end):
        yield Image(
            id=f"00000000-0000-5000-8000-{number:012}",
            sha256=f"{number:064x}",
            uri=f"/pictures/{number}.jpg",
            caption=f"a red house in the snow at night, number {number}",
            captions=("a red house in the snow at night",),
            origin="imported",
            width=640,
            height=480,
            created="2026-01-31T12:00:00Z",
            norm=10.0,
            vector=vectors[number],
        )


def _named(what: str, cost: Cost) -> dict[str, float]:
    return {
        f"{what}, s": round(cost.clock, 3),
        f"{what}, CPU s": round(cost.cpu, 3),
        f"{what}, MB": round(cost.memory),
    }


def _alternating(commands: list[list[str]], runs: int) -> list[Cost]:
    """The median of each command. They run in turns, so that a busy moment hits them alike."""
    costs = [[_cost(command) for command in commands] for _ in range(runs)]
    return [_median(column) for column in zip(*costs, strict=True)]


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(*map(statistics.median, zip(*costs, strict=True)))


def _cost(command: list[str]) -> Cost:
    """What a command takes. It must succeed."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _ms(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "-L", "--library", type=Path, default=Path("demo/library"), help="a library that holds images"
    )
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument(
        "--images", type=int, default=100_000, help="how many images the next search compares"
    )
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
