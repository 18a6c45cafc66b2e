"""Measure how well a search knows that nothing is relevant, by the exact labels of drawn landscapes.

    python bench/relevance.py [--pictures N] [--json FILE]

The library is that of `phosphene demo`, or one of more such landscapes. The prompts are those of
bench/prompts.json: two lists about landscapes and two about other topics, of which one (`unseen`) was written
after the constants of `phosphene.relevance` had been chosen. It counts, for `--cut auto`:

- Prompts: how many about landscapes are answered, how many of the answered ones are about landscapes, and how
  many about other topics come back empty. And the same for the best threshold of the plain score.
- Hits: the share of hits that show at least half of the attributes that their prompt names, cut and uncut.
- Parts: the same in libraries of only some lands, where prompts about the others must come back empty,
  although the model knows all their words.
- Reliability: how many hits of about each relevance show at least half of what their prompt names.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import record
from pool import FOLDER, Pool, Task, elsewhere, filled, handwritten, seed_of, truth

from phosphene.filters import EVERYTHING, Filter, with_ids
from phosphene.landscape.scenes import SEEDS, captions, compose
from phosphene.query import parse
from phosphene.records import Hit

COUNT = 10  # hits that are asked for
PARTS = (("sea", "beach"), ("snow",), ("desert", "meadow"), ("forest", "snow", "town"))
CAPTIONS = SEEDS["test"][:200]  # scenes whose captions are the prompts in the parts
BINS = np.linspace(0, 1, 6)  # of relevance


def main() -> None:
    arguments = _arguments()
    figures = relevance(demo_pool(arguments.pictures))
    for name, value in figures.items():
        print(f"{name:<12} {value}")
    if arguments.json:
        record.write(arguments.json, figures)


def demo_pool(pictures: int = 1000) -> Pool:
    """The library of the demo, or one of more such pictures."""
    return filled(FOLDER / f"demo-{pictures}", SEEDS["demo"][:pictures])


def relevance(pool: Pool) -> dict[str, Any]:
    """All figures of this script, in one pool."""
    ours = [*handwritten(), *handwritten("unseen")]
    others, unseen = ([Task(text, ()) for text in elsewhere(f"elsewhere{end}")] for end in ("", "_unseen"))
    return {
        "pictures": len(pool.seeds),
        "prompts": prompts(pool, ours, others),
        "unseen": prompts(pool, ours, unseen),
        "threshold": best_threshold(pool, ours, others),
        "hits": hits(pool, ours),
        "parts": {" and ".join(lands): part(pool, lands) for lands in PARTS},
        "reliability": reliability(pool, ours),
    }


def prompts(pool: Pool, ours: Sequence[Task], others: Sequence[Task]) -> dict[str, Any]:
    """How many prompts are answered, and of these how many rightly."""
    answered = [task for task in ours if find(pool, task, "auto")]
    wrong = [task for task in others if find(pool, task, "auto")]
    return {
        "recall": len(answered) / len(ours),
        "precision": len(answered) / max(1, len(answered) + len(wrong)),
        "others_empty": 1 - len(wrong) / len(others),
        "missed": [task.text for task in ours if task not in answered],
        "wrong": [task.text for task in wrong],
    }


def best_threshold(pool: Pool, ours: Sequence[Task], others: Sequence[Task]) -> dict[str, float]:
    """The threshold of the plain score at which recall and the share of empty others are most equal."""
    here, there = (np.array([find(pool, task, None)[0].score for task in tasks]) for tasks in (ours, others))
    shares = [((here >= score).mean(), (there < score).mean()) for score in np.unique(here)]
    recall, empty = max(shares, key=min)
    return {"recall": float(recall), "others_empty": float(empty)}


def hits(pool: Pool, tasks: Sequence[Task]) -> dict[str, float]:
    """The share of hits that show what was asked for, among ten and among those that the cut leaves."""
    plain = [right(hit, task) for task in tasks for hit in find(pool, task, None)]
    cut = [right(hit, task) for task in tasks for hit in find(pool, task, "auto")]
    return {"right": float(np.mean(plain)), "right_cut": float(np.mean(cut)), "kept": len(cut) / len(plain)}


def part(pool: Pool, lands: Sequence[str]) -> dict[str, float]:
    """How many captions about some lands are answered in a library of these, and how many others are not."""
    where = with_ids(image.id for seed, image in pool.images.items() if compose(seed).land in lands)
    asked = [
        Task(caption.text, caption.names)
        for seed in CAPTIONS
        for caption in captions(compose(seed))
        if any(name == "land" for name, _ in caption.names)
    ]
    answered = np.array([bool(find(pool, task, "auto", where)) for task in asked])
    here = np.array([dict(task.names)["land"] in lands for task in asked])
    return {"recall": float(answered[here].mean()), "others_empty": float(1 - answered[~here].mean())}


def reliability(pool: Pool, tasks: Sequence[Task]) -> list[dict[str, float]]:
    """The share of right hits by their relevance."""
    judged = np.array(
        [
            (hit.relevance or 0.0, right(hit, task))
            for task in tasks
            for hit in find(pool, task, None, count=100)
        ]
    )
    places = np.digitize(judged[:, 0], BINS[1:-1])
    return [
        {"relevance": float(some[:, 0].mean()), "right": float(some[:, 1].mean()), "hits": len(some)}
        for place in range(len(BINS) - 1)
        if len(some := judged[places == place])
    ]


def find(pool: Pool, task: Task, cut: Any, where: Filter = EVERYTHING, count: int = COUNT) -> list[Hit]:
    """The hits of a prompt."""
    library, query = pool.library, parse(task.text)
    _ = library.embedder  # so that every hit is judged
    return library.judge.search(query, library.vector(query), count, where, cut=cut)


def right(hit: Hit, task: Task) -> bool:
    """Whether a hit shows at least half of the attributes that its prompt names."""
    shown = truth(seed_of(hit.image))
    return 2 * sum(name in shown for name in task.names) >= len(task.names)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=1000, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
