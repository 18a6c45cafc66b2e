"""Measure whether a negative prompt works, and what it costs, with the independent judge.

    python bench/negative.py [--pictures N] [--json FILE]

The script draws 2,000 test scenes, whose seeds no training has seen, as a library. For 50 prompts it
generates pictures with the six default neighbours, without and with a negative. It counts in how many the
judge (bench/judge.py) sees the thing that the negative names, and how many of the attributes that the prompt
names it sees. Without the negative, about every second picture of the prompts (`negatives` in
bench/prompts.json) shows the thing.

`--pictures` is the number of pictures for each prompt and way. With one it takes some minutes.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import record
from judge import shown
from made import GROUP, NEIGHBOURS, Seen, by_text, interval
from pool import FOLDER, PROMPTS, Pool, Task, filled, found, share

from phosphene.filters import IMPORTED
from phosphene.generation import Request
from phosphene.generation.neighbours import NeighbourSearch
from phosphene.generation.planning import Plan
from phosphene.landscape.scenes import SEEDS
from phosphene.landscape.scenes.captions import Label
from phosphene.query import parse
from phosphene.recipes.lineage import rounded

POOL = 2_000
MOST_SHOWN, MOST_LOST = 0.25, 0.02  # the limits for a negative that works


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt, a negative, and the label of the thing that it should keep out."""

    task: Task
    negative: str
    shows: Label


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=1, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    pool = filled(FOLDER / f"pool-{POOL}", SEEDS["test"][:POOL])
    figures = measure(pool, pairs(), arguments.pictures)
    for name, value in figures.items():
        print(f"{name:<24} {value}")
    if arguments.json:
        record.write(arguments.json, figures)


def pairs() -> list[Pair]:
    """The prompts with their negatives."""
    return [
        Pair(
            Task(one["text"], tuple((name, value) for name, value in one["names"])),
            one["negative"],
            (one["shows"][0], one["shows"][1]),
        )
        for one in json.loads(PROMPTS.read_text(encoding="utf-8"))["negatives"]
    ]


def measure(pool: Pool, some: Sequence[Pair], each: int) -> dict[str, Any]:
    """The shares of pictures that show the unwanted thing, and of the attributes that prompts name."""
    repeated = [pair for pair in some for _ in range(each)]
    tasks = [pair.task for pair in repeated]
    without, led = (make(pool, repeated, against=against) for against in (False, True))
    shares = {f"shown_{way}": avoided(repeated, seen) for way, seen in (("without", without), ("with", led))}
    rest = {way: by_text(found(tasks, seen), each) for way, seen in (("without", without), ("with", led))}
    lost = share(rest["without"]) - share(rest["with"])
    return {
        **shares,
        **{f"rest_{way}": share(answers) for way, answers in rest.items()},
        "rest_gain_interval": interval(rest["without"], rest["with"]),
        "works": shares["shown_with"] <= MOST_SHOWN and lost <= MOST_LOST,
        "prompts": len(some),
        "pictures": 2 * len(repeated),
    }


def make(pool: Pool, some: Sequence[Pair], *, against: bool) -> Seen:
    """Generate a picture for each pair, whose place is the seed both ways, and return the judge's labels."""
    seen: Seen = []
    for start in range(0, len(some), GROUP):
        group = enumerate(some[start : start + GROUP], start)
        plans = [plan(pool, pair, seed, (pair.negative,) if against else ()) for seed, pair in group]
        seen += shown([one.picture for one in pool.library.generation.maker.make(plans)])
        way = "with" if against else "without"
        print(f"\r{len(seen)} of {len(some)} pictures {way} a negative", end="", file=sys.stderr)
    print(file=sys.stderr)
    return seen


def plan(pool: Pool, pair: Pair, seed: int, negative: Sequence[str]) -> Plan:
    """Plan a picture as `phosphene generate TEXT --negative …` does."""
    vectors = tuple(rounded(pool.library.vector(parse(words))) for words in negative)
    request = Request(seed=seed, negative_vectors=vectors)
    plan = pool.library.generation.planner.at(
        pool.vector(pair.task), pair.task.text, request, NeighbourSearch(IMPORTED, NEIGHBOURS)
    )
    return replace(plan, negative=tuple(negative))


def avoided(some: Sequence[Pair], seen: Seen) -> float:
    """The share of pictures that show the unwanted thing, in [0, 1]."""
    return float(np.mean([pair.shows in labels for pair, labels in zip(some, seen, strict=True)]))


if __name__ == "__main__":
    main()
