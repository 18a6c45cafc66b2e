"""Measure what retrieval, embedding and storing cost besides the generation itself.

    python bench/generate.py -L demo/library [--pictures 16] [--runs 5] [--json FILE]

In one warm process, the bare generator and `Library.generate` take turns. The generator gets requests that
are ready. `Library.generate` searches, generates, embeds, measures novelty, writes PNGs and stores. It
should take at most 1.05 times as long as the generator, and 50 ms more. The script works on a copy of the
library.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import record
from PIL.Image import Image as Picture

import phosphene
from phosphene.filters import IMPORTED
from phosphene.generation import Generator, Request
from phosphene.generation.choosing import candidate_requests
from phosphene.generation.neighbours import NeighbourSearch
from phosphene.library import Library

PROMPT = "a red house in the snow at night"
FACTOR, EXTRA = 1.05, 0.050  # `Library.generate` may take so many times as long, and more seconds
Seconds = tuple[float, float]  # by the clock, and of the CPU


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(arguments.library, Path(folder) / "library")
        with phosphene.open(copy) as library:
            figures = measure(library, arguments.pictures, arguments.runs)
    for name, value in figures.items():
        print(f"{name:<28} {value}")
    if arguments.json:
        record.write(arguments.json, figures)


def measure(library: Library, pictures: int, runs: int) -> dict[str, Any]:
    """The median seconds of a call. Every call has new seeds, so that all pictures are stored."""
    requests = _requests(library, pictures)
    bare: list[Seconds] = []
    whole: list[Seconds] = []
    for run in range(runs + 1):  # the first one warms up
        seed = run * pictures
        seeded = [replace(request, seed=seed + place) for place, request in enumerate(requests)]
        bare.append(_seconds(lambda seeded=seeded: _pictures(library.generator, seeded)))  # type: ignore[misc]
        whole.append(_seconds(lambda seed=seed: library.generate(PROMPT, pictures, seed=seed)))  # type: ignore[misc]
    (alone, alone_cpu), (together, together_cpu) = _median(bare[1:]), _median(whole[1:])
    return {
        "pictures a call": pictures,
        "candidates a picture": library.generator.capabilities.candidates,
        "bare generator, s": round(alone, 3),
        "search to stored, s": round(together, 3),
        "ratio": round(together / alone, 4),
        "bare generator, CPU s": round(alone_cpu, 3),
        "search to stored, CPU s": round(together_cpu, 3),
        "ratio of CPU s": round(together_cpu / alone_cpu, 4),
        "beyond it, ms": round(1000 * (together - alone), 1),
        "allowed, s": round(FACTOR * alone + EXTRA, 3),
        "within": together <= FACTOR * alone + EXTRA,
        "runs": runs,
    }


def _pictures(generator: Generator, requests: Sequence[Request]) -> list[Picture]:
    """Make the pictures and finish one candidate of each."""
    made = list(generator.generate(requests))
    return [one.picture() for one in made[:: generator.capabilities.candidates]]


def _median(times: Sequence[Seconds]) -> Seconds:
    return statistics.median(one[0] for one in times), statistics.median(one[1] for one in times)


def _requests(library: Library, pictures: int) -> list[Request]:
    target = library.vector(PROMPT)
    plan = library.generation.planner.at(target, PROMPT, Request(seed=0), NeighbourSearch(IMPORTED))
    plans = [plan.with_seed(place) for place in range(pictures)]
    return [request for each in plans for request in candidate_requests(each)]


def _seconds(work: Callable[[], object]) -> Seconds:
    started, before = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - before


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "-L", "--library", type=Path, default=Path("demo/library"), help="a library of the model `landscape`"
    )
    parser.add_argument("--pictures", type=int, default=16)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
