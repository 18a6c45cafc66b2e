"""Measure `add --engine ray` with one and two workers, and plan a large library from that.

    python bench/scale.py [--model landscape] [--pictures 512] [--plan 100000000] [--json FILE]

The pictures are JPEGs of 1024x768 that this script draws, and the library is a folder. A rate counts from the
first block of 64 that arrives to the last one, without the start of the workers. `writer` is what the commits
alone would reach, which are the only work that is not shared by workers. A machine that is busy with other
things makes all of this slower, so the load is recorded.

The plan is arithmetic, with the formulas in `plan`. A rate is multiplied by the number of workers until the
writer is the bottleneck.
"""

import argparse
import tempfile
import time
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any
from unittest.mock import patch

import add as add_bench
import record

import phosphene
from phosphene.embedding import open_embedder
from phosphene.ingest import committer
from phosphene.ingest.commit import commit
from phosphene.ingest.on_ray import RayEngine

SIZE = (1024, 768)  # pixels
HOURS = 24  # in which the plan shall be done
DIMENSION, FLOAT = 512, 4  # numbers of a vector of ViT-B-32, and the bytes of each
LINKS = 32  # of a node in Weaviate's graph (`maxConnections`); the lowest layer has twice as many
LINK = 10  # bytes of a link. This is an assumption: the id of a neighbour alone has 8
CODE = DIMENSION // 8  # bytes of a vector as one bit for each number (RQ, BQ, and LanceDB's IVF_RQ)


def main() -> None:
    arguments = _arguments()
    figures = measure(arguments.model, arguments.pictures)
    figures["plan"] = plan(arguments.plan, figures["pictures/s of a worker"], figures["writer, pictures/s"])
    for name, value in figures.items():
        print(f"{name:<28} {value}")
    if arguments.json:
        record.write(arguments.json, figures)


def measure(model: str, pictures: int) -> dict[str, Any]:
    """The rates of one and two workers, and that of the writer."""
    from phosphene.ingest.on_ray.cluster import connected

    with tempfile.TemporaryDirectory() as temporary, connected(None):
        folder = Path(temporary)
        add_bench.draw(folder / "pictures", pictures, SIZE)
        (one, first), (two, second) = (run(model, folder, workers) for workers in (1, 2))
    return {
        "pictures": pictures,
        "1 worker, pictures/s": round(one, 2),
        "2 workers, pictures/s": round(two, 2),
        "2 workers over 1": round(two / one, 2),
        "pictures/s of a worker": round(two / 2, 2),
        "writer, pictures/s": round(2 * pictures / (first + second), 1),
    }


def run(model: str, folder: Path, workers: int) -> tuple[float, float]:
    """The rate at which pictures are added, and the seconds of the commits."""
    arrived: list[tuple[float, int]] = []
    commits: list[float] = []

    def timed(*arguments: Any) -> int:
        started = time.perf_counter()
        new = commit(*arguments)
        commits.append(time.perf_counter() - started)
        return new

    with (
        phosphene.open(folder / f"library-{workers}", model=model, create=True) as library,
        patch.object(committer, "commit", timed),
    ):
        RayEngine(workers=workers).add(
            [folder / "pictures"],
            load=partial(open_embedder, model),
            store=library.store,
            journal=library.journal,
            on_progress=lambda progress: arrived.append((time.perf_counter(), progress.done)),
        )
    (begin, some), (end, every) = arrived[0], arrived[-1]
    return (every - some) / (end - begin), sum(commits)


def plan(pictures: int, rate: float, writer: float) -> dict[str, Any]:
    """What a library of so many pictures takes, by the rates of one worker and of the writer."""
    workers = min(ceil(pictures / (rate * HOURS * 3600)), max(1, int(writer / rate)))
    vectors, graph = pictures * DIMENSION * FLOAT, pictures * LINKS * 2 * LINK
    return {
        "pictures": pictures,
        "worker hours": round(pictures / rate / 3600),
        "workers that one writer feeds": int(writer / rate),
        "workers": workers,
        "hours with these workers": round(pictures / (rate * workers) / 3600, 1),
        "least hours of the writer": round(pictures / writer / 3600, 1),
        "vectors, GB": round(vectors / 1e9),
        "Weaviate, memory with whole vectors, GB": round((vectors + graph) / 1e9),
        "Weaviate, memory with one bit a number, GB": round((pictures * CODE + graph) / 1e9),
        "LanceDB, index of one bit a number, GB": round(pictures * CODE / 1e9),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="landscape")
    parser.add_argument("--pictures", type=int, default=512)
    parser.add_argument("--plan", type=int, default=100_000_000)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
