"""A library of drawn scenes to measure in, texts to search it with, and counts of their attributes."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL.Image import Image as Picture

import phosphene
from phosphene.filters import IMPORTED, Filter, Not, all_of, with_ids
from phosphene.landscape.scenes import captions, compose, labels, write
from phosphene.landscape.scenes.captions import Label
from phosphene.library import Library
from phosphene.query import parse
from phosphene.recipes.lineage import rounded
from phosphene.records import Image
from phosphene.vectors import Vector

FOLDER = Path("runs/quality")
PROMPTS = Path(__file__).parent / "prompts.json"
FEW = 500  # so few pictures are drawn faster by one process than by several
Found = list[list[bool]]  # for each text, which of the attributes that it names are there


@dataclass(frozen=True, slots=True)
class Task:
    """A text, the attributes that it names, and the seed of the scene that it describes, if there is one."""

    text: str
    names: tuple[Label, ...]
    own: int | None = None


@dataclass(frozen=True)
class Pool:
    """A library of the scenes of some seeds. Each file is named after its seed."""

    library: Library
    seeds: Sequence[int]

    @cached_property
    def images(self) -> dict[int, Image]:
        """The images by their seeds."""
        return {seed_of(image): image for image in self.library.store.iterate(IMPORTED)}

    def others(self, task: Task) -> Filter:
        """All images except the one that the text describes."""
        own = [] if task.own is None else [self.images[task.own].id]
        return all_of(IMPORTED, Not(with_ids(own)))

    def vector(self, task: Task) -> Vector:
        """The text's vector, as a generation uses it."""
        return rounded(self.library.vector(parse(task.text)))

    def nearest(self, task: Task, count: int) -> list[int]:
        """The seeds of the pictures nearest to a text, without its own."""
        hits = self.library.store.near(self.vector(task), count, self.others(task))
        return [seed_of(hit.image) for hit in hits]

    def picture(self, seed: int) -> Picture:
        """The picture of a scene."""
        return self.library.picture(self.images[seed])


def filled(folder: Path, seeds: Sequence[int]) -> Pool:
    """The pool of these seeds. Pictures that were drawn and added before stay."""
    library = phosphene.open(folder / "library", model="landscape", create=True)
    if library.store.count(IMPORTED) < len(seeds):
        workers = 1 if len(seeds) < FEW else os.cpu_count() or 1
        write(folder / "pictures", seeds, size=256, workers=workers)
        library.add([folder / "pictures"])
    return Pool(library, seeds)


def seed_of(image: Image) -> int:
    return int(Path(image.uri).stem)


def caption_of(seed: int) -> Task:
    """One of the scene's five captions, chosen by the seed."""
    caption = captions(compose(seed))[seed % 5]
    return Task(caption.text, caption.names, seed)


def handwritten(which: str = "landscapes") -> list[Task]:
    """Prompts that were written by hand, with the attributes that they name.

    The author of `unseen` had seen neither the captions nor the other list.
    """
    kept = json.loads(PROMPTS.read_text(encoding="utf-8"))[which]
    return [Task(one["text"], tuple((name, value) for name, value in one["names"])) for one in kept]


def elsewhere(which: str = "elsewhere") -> list[str]:
    """Prompts about something other than landscapes.

    Those of `elsewhere_unseen` were written after the constants of `phosphene.relevance` were chosen.
    """
    texts: list[str] = json.loads(PROMPTS.read_text(encoding="utf-8"))[which]
    return texts


def truth(seed: int) -> frozenset[Label]:
    """The labels of the scene of a seed."""
    return labels(compose(seed))


def found(tasks: Iterable[Task], shown: Iterable[Iterable[Label]]) -> Found:
    """For each text, which of the attributes that it names are shown."""
    return [[name in set(seen) for name in task.names] for task, seen in zip(tasks, shown, strict=True)]


def share(answers: Found) -> float:
    """The share of all named attributes that are there, in [0, 1]."""
    return float(np.mean([answer for one in answers for answer in one]))


def by_kind(tasks: Sequence[Task], answers: Found) -> dict[str, float]:
    """The share for each kind of attribute."""
    sorted_out: dict[str, list[bool]] = {}
    for task, one in zip(tasks, answers, strict=True):
        for name, answer in zip(task.names, one, strict=True):
            sorted_out.setdefault(kind_of(name), []).append(answer)
    return {kind: float(np.mean(sorted_out[kind])) for kind in sorted(sorted_out)}


def kind_of(name: Label) -> str:
    """The kind of attribute of a label. The colours of houses and boats are both of the kind `colour`."""
    attribute = name[0].split(".")[-1]
    return {"thing": "object", "sun": "sky", "moon": "sky"}.get(attribute, attribute)
