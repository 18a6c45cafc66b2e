"""Counts what a search finds, by the exact labels of scenes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pool import Pool, Task, by_kind, caption_of, found, seed_of, share, truth

from phosphene.filters import with_ids
from phosphene.landscape.scenes import captions, compose

QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


def retrieval(pool: Pool, pairs: int) -> dict[str, Any]:
    """R@1 and R@10 of the fullest captions of `pairs` scenes, among those scenes.

    For one caption of each it also counts how many of its attributes the top hit in the whole pool shows.
    """
    seeds = pool.seeds[:pairs]
    ranks = np.array(ranks_of(pool, seeds))
    asked = [caption_of(seed) for seed in seeds]
    answers = found(asked, [truth(top(pool, task.text)) for task in asked])
    return {
        "r1": float(np.mean(ranks < 1)),
        "r10": float(np.mean(ranks < 10)),
        "attributes_at_1": share(answers),
        "attributes_at_1_by_kind": by_kind(asked, answers),
        "pairs": len(seeds),
        "captions": len(asked),
        "pool": len(pool.seeds),
    }


def ranks_of(pool: Pool, seeds: Sequence[int]) -> list[int]:
    """The rank at which the fullest caption of each scene finds it. 0 is first, and 10 means not in ten."""
    among = with_ids(pool.images[seed].id for seed in seeds)
    ranks = []
    for seed in seeds:
        vector = pool.library.vector(captions(compose(seed))[-1].text)
        hits = [seed_of(hit.image) for hit in pool.library.store.near(vector, 10, among)]
        ranks.append(hits.index(seed) if seed in hits else 10)
    return ranks


def top(pool: Pool, text: str) -> int:
    """The seed of the picture that a text finds first."""
    return seed_of(pool.library.search(text, 1)[0].image)


def prompted(pool: Pool, tasks: Sequence[Task]) -> dict[str, Any]:
    """The same counts for handwritten prompts. `possible` is the share that the best pictures would show."""
    there = [truth(seed) for seed in pool.seeds]
    best = [max(sum(name in scene for name in task.names) for scene in there) for task in tasks]
    answers = found(tasks, [truth(top(pool, task.text)) for task in tasks])
    return {
        "attributes_at_1": share(answers),
        "attributes_at_1_by_kind": by_kind(tasks, answers),
        "possible": sum(best) / sum(len(task.names) for task in tasks),
        "missed": {
            task.text: lacks for task, one in zip(tasks, answers, strict=True) if (lacks := left(task, one))
        },
        "prompts": len(tasks),
    }


def left(task: Task, answers: Sequence[bool]) -> list[str]:
    """The named attributes that are not there."""
    return [" ".join(name) for name, there in zip(task.names, answers, strict=True) if not there]


def scores(pool: Pool, landscapes: Sequence[str], elsewhere: Sequence[str]) -> dict[str, Any]:
    """The top scores of prompts about landscapes and of prompts about something else."""
    here, there = (
        np.array([pool.library.search(text, 1)[0].score for text in texts])
        for texts in (landscapes, elsewhere)
    )
    return {
        "quantiles": list(QUANTILES),
        "landscapes": np.quantile(here, QUANTILES).round(3).tolist(),
        "elsewhere": np.quantile(there, QUANTILES).round(3).tolist(),
        "told_apart": float(np.mean(here[:, None] > there)),  # pairs in which the landscape is higher
    }
