"""Measure how good the built-in models are, by the exact labels of drawn landscapes.

    python bench/quality.py [--quick] [--captions N] [--json FILE] [--trained LIBRARY]

The script draws test scenes, whose seeds no training has seen, and makes a library of them. It counts:

- Retrieval: how often the fullest caption of 1,000 scenes finds its own picture first, or among ten. And of
  all attributes that a caption (any of the five) names, how many its top hit shows.
- Generation: how many of the attributes that a caption names an independent judge (bench/judge.py) finds in
  the scene's own picture, in a picture generated from the text alone, and in one generated from the text and
  its six nearest neighbours without the scene's own. And how many of them are near-copies of pictures that
  the generator was trained on.
- The same for two lists of prompts that were written by hand (bench/prompts.json).
- Relevance: what bench/relevance.py prints, which takes two minutes.

`--quick` takes 2,000 pictures and 100 captions instead of 20,000 and 500, and minutes instead of an hour.
`--captions` is the number of captions from which pictures are generated, which takes most of the time.
`--trained` is a library of the pictures that the generator was trained on. By default it is made in runs/.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import record
from made import generation
from pool import FOLDER, caption_of, elsewhere, filled, handwritten
from relevance import demo_pool, relevance
from retrieval import prompted, retrieval, scores

import phosphene
from phosphene.landscape.scenes import SEEDS
from phosphene.library import Library

TRAINED = range(1_040_000, 1_240_000)  # the scenes of the built-in generator, as its card says


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    pool: int = 20_000
    pairs: int = 1_000
    captions: int = 500
    prompts: int = 32  # how many handwritten prompts are used for pictures
    trained: int = 4_000  # how many of the pictures that the generator was trained on


QUICK = Extent(pool=2_000, captions=100, prompts=16)


def main() -> None:
    arguments = _arguments()
    extent = QUICK if arguments.quick else Extent()
    extent = replace(extent, captions=arguments.captions or extent.captions)
    figures = measure(extent, arguments.trained, FOLDER) | {"relevance": relevance(demo_pool())}
    for name, value in flat(figures):
        print(f"{name:<64} {value}")
    if arguments.json:
        record.write(arguments.json, figures)


def measure(extent: Extent, trained: Path | None, folder: Path) -> dict[str, dict[str, Any]]:
    """Measure everything in pools that are kept in `folder`."""
    pool = filled(folder / f"pool-{extent.pool}", SEEDS["test"][: extent.pool])
    learnt = phosphene.open(trained) if trained else trained_on(extent.trained, folder)
    tasks = [caption_of(seed) for seed in pool.seeds[-extent.captions :]]
    prompts, unseen = handwritten(), handwritten("unseen")
    found = retrieval(pool, extent.pairs)
    found["prompts"] = prompted(pool, prompts)
    found["unseen"] = prompted(pool, unseen)
    found["scores"] = scores(pool, [task.text for task in prompts], elsewhere())
    made = generation(pool, tasks, learnt)
    made["unseen"] = generation(pool, unseen[: extent.prompts], learnt)
    return {"retrieval": found, "generation": made}


def trained_on(count: int, folder: Path) -> Library:
    """A library of `count` evenly chosen scenes that the generator was trained on."""
    seeds = TRAINED[:: max(1, len(TRAINED) // count)]
    return filled(folder / f"trained-{len(seeds)}", seeds).library


def flat(figures: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Yield a line for every figure with its full name. Plain numbers of one kind share a line."""
    for name, value in figures.items():
        if isinstance(value, dict) and any(isinstance(one, dict | list) for one in value.values()):
            yield from flat(value, f"{before}{name} ")
        else:
            yield before + name, _told(value)


def _told(value: Any) -> str:
    """Write a figure. Shares have three digits."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_told(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_told, value))
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--captions", type=int, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--trained", type=Path, metavar="LIBRARY")
    return parser.parse_args()


if __name__ == "__main__":
    main()
