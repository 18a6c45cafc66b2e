"""The work that `bench/kills.py` kills. Each function reports what it has committed as soon as it has."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from forked import Tell
from PIL import Image as Pillow

import phosphene
from phosphene import ingest
from phosphene.embedding import Embedder
from phosphene.filters import IMPORTED
from phosphene.generation import Generator, Request
from phosphene.generation.keeping import Keeper
from phosphene.generation.neighbours import NeighbourSearch
from phosphene.ingest import committer
from phosphene.ingest.commit import commit
from phosphene.ingest.worker import Outcome
from phosphene.journal import Journal, Seen
from phosphene.library import Library
from phosphene.maintenance.check import check_folder
from phosphene.maintenance.copying import CopySide, copy
from phosphene.maintenance.findings import Finding
from phosphene.maintenance.repair import repair
from phosphene.records import Image
from phosphene.sources import scan
from phosphene.store import Store

FILES = 24  # pictures in a folder that is added
COMMIT = 8  # pictures in a commit
MADE = 3  # pictures that are generated at once
PROMPT = "a red house"
STEPS = 400  # steps of a training


@dataclass(frozen=True, slots=True)
class Models:
    """The models, which are in the memory of every forked process."""

    embedder: Embedder
    generator: Generator

    def open(self, folder: Path) -> Library:
        """Open or make a library without loading a model."""
        library = phosphene.open(folder, space=self.embedder.space, create=True)
        library.embedder, library.generators.opened = self.embedder, self.generator
        return library


@dataclass(frozen=True, slots=True)
class TellingKeeper(Keeper):
    """A keeper that tells which pictures are stored."""

    tell: Tell

    def keep(self, made: Sequence[tuple[Image, bytes]]) -> None:
        """Store new images, and tell their ids."""
        Keeper.keep(self, made)
        self.tell({"kept": [image.id for image, _ in made]})


def draw_folder(folder: Path, number: int) -> Path:
    """Make a folder of pictures that belong to this number alone."""
    folder = folder / "pictures" / str(number)
    folder.mkdir(parents=True)
    for place in range(FILES):
        colours = np.random.default_rng([number, place]).integers(0, 256, (4, 5, 3), np.uint8)
        Pillow.fromarray(colours).resize((64, 48)).save(folder / f"{place}.png")
    return folder


def add(models: Models, library: Path, pictures: Path, tell: Tell) -> None:
    """Add a folder, and tell which images each commit holds."""

    def told(found: Sequence[Outcome], store: Store, journal: Journal) -> int:
        new = commit(found, store, journal)
        tell({"kept": [file.id for file, _ in found if isinstance(file, Seen)]})
        return new

    with models.open(library) as opened, patch.object(committer, "commit", told):
        ingest.add(
            scan([pictures]),
            load=lambda: opened.embedder,
            store=opened.store,
            journal=opened.journal,
            commit_images=COMMIT,
        )


def generate(models: Models, library: Path, seed: int, tell: Tell) -> None:
    """Generate pictures, and tell which ones were stored."""
    with models.open(library) as opened:
        service = opened.generation
        keeper = TellingKeeper(opened.folder, opened.store, opened.journal, tell)
        request = Request(seed=seed, num_inference_steps=1)
        plan = service.planner.at(
            opened.vector(PROMPT), PROMPT, request, NeighbourSearch(IMPORTED, 2), candidates=1
        )
        plans = [plan.with_seed(seed + place) for place in range(MADE)]
        replace(service.maker, commit_seconds=0.0).make(plans, keeper=keeper)


def remove(models: Models, library: Path, ids: list[str], tell: Tell) -> None:
    """Remove images, and tell which."""
    with models.open(library) as opened:
        opened.remove(ids)
        tell({"removed": ids})


def copied(models: Models, library: Path, target: Path, tell: Tell) -> None:
    """Copy a library, and tell which images have arrived."""
    with models.open(library) as old, models.open(target) as new:
        upsert = new.store.upsert

        def told(images: Any) -> None:
            upsert(images)
            tell({"kept": [image.id for image in images]})

        new.store.upsert = told  # type: ignore[method-assign]
        copy(CopySide(old.store, old.folder), CopySide(new.store, new.folder))


def train(folder: Path, tell: Tell) -> None:
    """Train, and tell the step of each checkpoint."""
    for step, run in _run(folder, steps=STEPS):
        if run.steps and step:
            tell({"steps": run.steps})


def trained(folder: Path, tell: Tell) -> None:
    """Tell from which step the training would go on."""
    _, run = next(_run(folder, steps=10**6))
    tell({"steps": run.steps})


def _run(folder: Path, steps: int) -> Iterator[tuple[bool, Any]]:
    """Train a network of one layer. Yields whether a checkpoint was just written, and the run."""
    import torch

    from phosphene.training.budget import Budget
    from phosphene.training.run import Run

    model = torch.nn.Linear(64, 64)
    optimizer = torch.optim.AdamW(model.parameters())
    run = Run(folder, {"model": model, "optimizer": optimizer}, Budget(steps=10**6), save_every=10**6)
    yield False, run
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.ones(1, 64)).square().mean().backward()
        optimizer.step()
        run.steps += 1
        run.save()
        yield True, run


def repaired(models: Models, library: Path, tell: Tell) -> None:
    """Repair a library, and tell which faults are left."""
    result = repair(library, lambda _: models.embedder)
    tell({"done": result.done, "left": [finding.message for finding in result.left]})


def looked_at(library: Path, tell: Tell) -> None:
    """Tell the images of a library, the broken ones among them, and faults that a kill must not cause."""
    findings = check_folder(library)
    store = phosphene.open(library, create=True).store  # a kill may have come before there was a store
    faults = [finding for finding in findings if not _left_by_kills(finding)]
    broken = [id for finding in faults for id in finding.about]
    wrong = [finding.message for finding in faults]
    tell({"ids": [image.id for image in store.iterate()], "broken": broken, "wrong": wrong})


def _left_by_kills(finding: Finding) -> bool:
    """Whether a kill may cause this fault: the work was not reported yet, and the next run mends it."""
    begun = "There is no store in" in finding.message or "lie in `pictures`" in finding.message
    return finding.part in ("journal", "left over") or begun
