"""Counts what generated pictures show, with the independent judge."""

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from judge import shown
from numpy.typing import NDArray
from PIL.Image import Image as Picture
from PIL.Image import Resampling
from pool import Found, Pool, Task, by_kind, found, kind_of, share

from phosphene.filters import IMPORTED
from phosphene.generation import Request
from phosphene.generation.making import GeneratedImage
from phosphene.generation.neighbours import NeighbourSearch
from phosphene.generation.novelty import Baseline, measure
from phosphene.generation.planning import Plan
from phosphene.landscape.scenes import compose
from phosphene.landscape.scenes.captions import Label
from phosphene.library import Library
from phosphene.vectors import Vector

NEIGHBOURS = 6
GROUP = 20  # pictures between two lines of progress
OPEN = ("style", "time", "weather", "land")  # attributes that a text may leave to the neighbours
COARSE = 8  # cells on each side, in which layouts are compared
COPY = 99.0  # the percentile of nearness from which a picture counts as a near-copy

Seen = list[set[Label]]  # the judge's labels of each picture


def make(pool: Pool, tasks: Sequence[Task], neighbours: int, **settings: Any) -> list[GeneratedImage]:
    """Generate a picture for each task from its text and some neighbours. The task's place is its seed.

    `settings` are those of a Request, options of the generator, and the number of `candidates`.
    """
    made: list[GeneratedImage] = []
    for start in range(0, len(tasks), GROUP):
        some = enumerate(tasks[start : start + GROUP], start)
        plans = [plan(pool, task, neighbours, seed=seed, **settings) for seed, task in some]
        made += pool.library.generation.maker.make(plans)
        print(f"\r{len(made)} of {len(tasks)} pictures, {neighbours} neighbours", end="", file=sys.stderr)
    print(file=sys.stderr)
    return made


def plan(pool: Pool, task: Task, neighbours: int, **settings: Any) -> Plan:
    """Plan a picture. Its neighbours never include the task's own scene."""
    candidates, options = settings.pop("candidates", None), {}
    for name in pool.library.generator.capabilities.options.keys() & settings.keys():
        options[name] = settings.pop(name)
    return pool.library.generation.planner.at(
        pool.vector(task),
        task.text,
        Request(**settings, options=options),
        NeighbourSearch(pool.others(task), neighbours),
        candidates=candidates,
    )


def generation(pool: Pool, tasks: Sequence[Task], trained: Library) -> dict[str, Any]:
    """Count how many of the named attributes the judge finds.

    It looks at the scenes' own pictures, at the nearest other ones, and at pictures generated from the text
    alone and from text and neighbours. `trained` holds pictures that the generator was trained on. A prompt
    without a scene of its own is compared with the nearest picture.
    """
    near = [pool.nearest(task, NEIGHBOURS) for task in tasks]
    made = {"text": make(pool, tasks, 0), "text_and_neighbours": make(pool, tasks, NEIGHBOURS)}
    pictures = {name: [one.picture for one in some] for name, some in made.items()}
    seen = {name: shown(some) for name, some in (pictures | real(pool, tasks, near)).items()}
    answers = {name: found(tasks, one) for name, one in seen.items()}
    return {
        **{f"judge_on_{name}": share(one) for name, one in answers.items()},
        "of_real": share(answers["text_and_neighbours"]) / share(answers.get("real", answers["nearest"])),
        "gain": interval(answers["text"], answers["text_and_neighbours"]),
        "near_copies": near_copies(trained, [_vector(one) for one in made["text_and_neighbours"]]),
        "near_copies_of_pool": float(np.mean([is_copy(one) for one in made["text_and_neighbours"]])),
        "by_kind": kinds(tasks, answers),
        "left_open": {name: left_open(tasks, near, seen[name]) for name in made},
        "layout": {name: layout(pool, near, pictures[name]) for name in made},
        "captions": len(tasks),
        "candidates": pool.library.generator.capabilities.candidates,
        "pool": len(pool.seeds),
        "trained": trained.store.count(IMPORTED),
    }


def real(pool: Pool, tasks: Sequence[Task], near: Sequence[Sequence[int]]) -> dict[str, list[Picture]]:
    """The pictures to compare with: the nearest one of each text, and its own if all have one."""
    owns = [task.own for task in tasks if task.own is not None]
    pictures = {"nearest": [pool.picture(seeds[0]) for seeds in near]}
    return pictures | ({"real": [pool.picture(own) for own in owns]} if len(owns) == len(tasks) else {})


def by_text(answers: Found, each: int) -> Found:
    """Join the answers to all pictures of a text. Every text has `each` of them in a row."""
    return [
        [answer for one in answers[start : start + each] for answer in one]
        for start in range(0, len(answers), each)
    ]


def interval(first: Found, second: Found, draws: int = 10_000) -> list[float]:
    """The 95 % interval of the second share minus the first, by a paired bootstrap over texts."""
    named = np.array([len(one) for one in first])
    gains = np.array([sum(after) - sum(before) for before, after in zip(first, second, strict=True)])
    chosen = np.random.default_rng(0).integers(len(named), size=(draws, len(named)))
    shares = gains[chosen].sum(1) / named[chosen].sum(1)
    return [float(edge) for edge in np.quantile(shares, (0.025, 0.975))]


def near_copies(trained: Library, vectors: Sequence[Vector]) -> float:
    """The share of near-copies of training pictures.

    A near-copy is nearer to a training picture than 99 of 100 training pictures are to their own nearest.
    """
    baseline = Baseline.of(trained.store, trained.folder / "novelty.npz")
    novelties = [measure(trained.store, baseline, vector, ()) for vector in vectors]
    return float(np.mean([(one.percentile or 0.0) >= COPY for one in novelties if one is not None]))


def kinds(tasks: Sequence[Task], answers: dict[str, Found]) -> dict[str, dict[str, float]]:
    """For each kind of attribute: how often it is named, the shares, and the ratio to real pictures."""
    shares = {name: by_kind(tasks, one) for name, one in answers.items()}
    yardstick = shares.get("real", shares["nearest"])
    counts = Counter(kind_of(name) for task in tasks for name in task.names)
    return {
        kind: {
            "named": counts[kind],
            **{name: one[kind] for name, one in shares.items()},
            "ratio": shares["text_and_neighbours"][kind] / max(yardstick[kind], 1e-9),
        }
        for kind in yardstick
    }


def left_open(tasks: Sequence[Task], near: Sequence[Sequence[int]], seen: Seen) -> dict[str, float]:
    """How often a picture shows what most neighbours show, for attributes that its text leaves open."""
    followed: dict[str, list[bool]] = {name: [] for name in OPEN}
    for task, seeds, shows in zip(tasks, near, seen, strict=True):
        scenes = [compose(seed) for seed in seeds]
        for name in set(OPEN) - {name for name, _ in task.names}:
            [(most, _)] = Counter(getattr(scene, name) for scene in scenes).most_common(1)
            followed[name].append((name, most) in shows)
    return {name: float(np.mean(some)) for name, some in followed.items() if some}


def layout(pool: Pool, near: Sequence[Sequence[int]], pictures: Sequence[Picture]) -> float:
    """The mean correlation of lightness, in 8 x 8 cells, with the mean of the neighbours' pictures."""
    alike = []
    for seeds, picture in zip(near, pictures, strict=True):
        theirs = np.mean([coarse(pool.picture(seed)) for seed in seeds], axis=0)
        alike.append(np.corrcoef(coarse(picture), theirs)[0, 1])
    return float(np.mean(alike))


def coarse(picture: Picture) -> NDArray[np.float64]:
    """The lightness of a picture in COARSE x COARSE cells, as one row."""
    cells = picture.convert("L").resize((COARSE, COARSE), Resampling.BOX)
    return np.asarray(cells, dtype=np.float64).ravel()


def is_copy(made: GeneratedImage) -> bool:
    """Whether it is a near-copy of a picture in the pool."""
    return made.novelty is not None and (made.novelty.percentile or 0.0) >= COPY


def _vector(made: GeneratedImage) -> Vector:
    assert made.image.vector is not None, "a generated image has a vector"
    return made.image.vector
