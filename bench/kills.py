"""What is left of a library after kills and after damage: of what was reported as committed, all should be.

    python bench/kills.py [--kills 1000] [--truncations 200] [--seed 0] [--minutes 60] [--json FILE]

Kills: `add`, `generate`, `remove`, `copy` and a training's checkpoints, in turn, each in a process that gets
SIGKILL at a random moment. The process reports through a pipe what it has committed as soon as it has. After
each kill another process checks the library: every image that was reported must be in the store with its
thumbnail and, if it was generated, with its picture; every image that was reported as removed must be gone;
a training must go on from the last checkpoint that was reported. A kill leaves what the system holds in
memory: for power cuts see `tests/test_power_cut.py`, which damages the files that were not flushed.

Truncations: any file of a small library is cut at a random length. The library is then checked, repaired,
and searched. Its images should all be there again, since their files are.

The models are the built-in ones. They are loaded once, and each process is forked from that one.
"""

import argparse
import json
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import record
from PIL import Image as Pillow

import phosphene
from phosphene import ingest
from phosphene.embedding import Embedder, open_embedder
from phosphene.errors import PhospheneError
from phosphene.generation import Generator, making
from phosphene.generation.keeping import Keeper
from phosphene.generators import open_generator
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

KINDS = ("add", "generate", "remove", "copy", "train")
FILES = 24  # pictures of an `add`
COMMIT = 8  # of them in a commit
REMOVED = 5  # images that one command takes out
MADE = 3  # pictures of a `generate`
STEPS = 400  # of a training
FRESH = 100  # kills after which a new library is begun, so that all are small
REPAIRED = 20  # kills after which the library is repaired, and must be whole then

Report = dict[str, Any]
Tell = Callable[[Report], None]


@dataclass(frozen=True, slots=True)
class Models:
    """What every process has in memory already."""

    embedder: Embedder
    generator: Generator

    def open(self, folder: Path) -> Library:
        """A library that loads no model."""
        library = phosphene.open(folder, space=self.embedder.space, create=True)
        library.embedder, library.generator = self.embedder, self.generator
        return library


@dataclass(slots=True)
class Tally:
    """Promises that were kept of those that were made, and what went wrong in words."""

    promised: int = 0
    kept: int = 0
    tries: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, promised: int, lost: list[str], what: str) -> None:
        """Count some promises, and those of them that were broken."""
        self.promised, self.kept = self.promised + promised, self.kept + promised - len(lost)
        if lost:
            self.wrong.append(f"{what}: lost {', '.join(lost[:3])} and so on, {len(lost)} in all")


def main() -> None:
    arguments = _arguments()
    tallies = measure(arguments.kills, arguments.truncations, arguments.seed, 60 * arguments.minutes)
    for name, tally in tallies.items():
        print(f"{name}: {tally.tries} times, kept {tally.kept:,} of {tally.promised:,}")
        for wrong in tally.wrong[:10]:
            print(f"  {wrong}")
    if arguments.json:
        record.write(arguments.json, {name: _plain(tally) for name, tally in tallies.items()})
    sys.exit(any(tally.wrong for tally in tallies.values()))


def measure(kills: int, truncations: int, seed: int, seconds: float) -> dict[str, Tally]:
    """All tallies by their names. It ends after `seconds` with as many tries as there were."""
    import torch

    torch.set_num_threads(1)  # a forked process has no threads of its parent's
    warnings.simplefilter("ignore")
    embedder = open_embedder("landscape")
    models = Models(embedder, open_generator(None, Path("none"), embedder.space))
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        killed = Kills(models, Path(folder), random.Random(seed)).over(kills, end - 0.3 * seconds)
        cut = truncated(models, Path(folder), truncations, random.Random(seed), end)
    return killed | cut


# ── kills ─────────────────────────────────────────────────────────────────────────────────


class Kills:
    """A library that is worked on and killed, and what it promised so far."""

    def __init__(self, models: Models, folder: Path, chance: random.Random) -> None:
        self.models, self.folder, self.chance = models, folder, chance
        self.tallies = {kind: Tally() for kind in (*KINDS, "repaired")}
        self.lengths = dict.fromkeys(KINDS, 2.0)  # seconds that each takes undisturbed, as far as known
        self.number = 0

    def over(self, kills: int, end: float) -> dict[str, Tally]:
        """So many kills, as far as the time allows."""
        for number in range(kills):
            if time.monotonic() > end:
                break
            if number % FRESH == 0:
                self._begin(number)
            self._kill(KINDS[number % len(KINDS)])
            if number % REPAIRED == REPAIRED - 1:
                self._repair()
        return self.tallies

    def _begin(self, number: int) -> None:
        self.library = self.folder / f"library-{number}"
        self.copied = self.folder / f"copy-{number}-0"
        _finish(partial(add, self.models, self.library, self._pictures()))
        self.present = set(_state(self.library)["ids"])
        self.copies: set[str] = set()
        self.steps = 0

    def _kill(self, kind: str) -> None:
        deed = self._deed(kind)
        started = time.monotonic()
        reports, ended = _forked(deed, self.chance.uniform(0, 1.1 * self.lengths[kind]))
        if ended:
            self.lengths[kind] = time.monotonic() - started
        self._account(kind, reports)
        if kind == "copy" and ended:  # the next one is into a new library
            self.copied = self.folder / f"copy-{self.library.name}-{self.number}"
            self.copies = set()

    def _deed(self, kind: str) -> Callable[[Tell], None]:
        if kind == "add":
            return partial(add, self.models, self.library, self._pictures())
        if kind == "generate":
            return partial(generate, self.models, self.library, self.chance.randrange(2**31))
        if kind == "remove":
            chosen = self.chance.sample(sorted(self.present), min(REMOVED, len(self.present)))
            return partial(remove, self.models, self.library, chosen)
        if kind == "copy":
            return partial(copied, self.models, self.library, self.copied)
        return partial(train, self.folder / f"training-{self.library.name}")

    def _account(self, kind: str, reports: list[Report]) -> None:
        """Compare what was reported with what is there."""
        tally = self.tallies[kind]
        tally.tries += 1
        kept = {id for report in reports for id in report.get("kept", ())}
        gone = {id for report in reports for id in report.get("removed", ())}
        if kind == "train":
            self.steps = max([self.steps, *(report["steps"] for report in reports)])
            [found] = _finish(partial(trained, self.folder / f"training-{self.library.name}"))
            tally.add(1, [] if found["steps"] >= self.steps else [f"step {self.steps}"], kind)
            return
        where = self.copied if kind == "copy" else self.library
        promised = (self.copies if kind == "copy" else self.present - gone) | kept
        if not promised and not (where / "library.json").exists():
            return  # killed before there was a library
        state = _state(where)
        there = set(state["ids"]) - set(state["broken"])
        named = [id for id in promised if id not in there] + [id for id in gone if id in there]
        if kind == "remove" and not gone:  # what a killed one took out was not promised to stay
            named = [id for id in named if id in state["broken"]]
        tally.add(len(promised) + len(gone), named, kind)
        tally.wrong += [f"{kind}: {wrong}" for wrong in state["wrong"]]
        if kind == "copy":
            self.copies = promised
        else:
            self.present = set(state["ids"])

    def _repair(self) -> None:
        tally = self.tallies["repaired"]
        tally.tries += 1
        reports = _finish(partial(repaired, self.models, self.library))
        left = [str(report["left"]) for report in reports if report["left"]]
        tally.add(1, left, "repair")
        self.present = set(_state(self.library)["ids"])

    def _pictures(self) -> Path:
        """A folder of pictures that nobody has seen."""
        self.number += 1
        folder = self.folder / "pictures" / str(self.number)
        folder.mkdir(parents=True)
        for place in range(FILES):
            colours = np.random.default_rng([self.number, place]).integers(0, 256, (4, 5, 3), np.uint8)
            Pillow.fromarray(colours).resize((64, 48)).save(folder / f"{place}.png")
        return folder


# ── what a process does ───────────────────────────────────────────────────────────────────


def add(models: Models, library: Path, pictures: Path, tell: Tell) -> None:
    """Add a folder, and tell what each commit held."""

    def told(found: Sequence[Outcome], store: Store, journal: Journal) -> int:
        new = commit(found, store, journal)
        tell({"kept": [file.id for file, _ in found if isinstance(file, Seen)]})
        return new

    with models.open(library) as opened, patch.object(ingest.loop, "commit", told):
        ingest.add(
            scan([pictures]),
            embedder=opened.embedder,
            store=opened.store,
            journal=opened.journal,
            commit_images=COMMIT,
        )


def generate(models: Models, library: Path, seed: int, tell: Tell) -> None:
    """Make pictures, and tell which ones were stored."""
    keep = Keeper.keep

    def told(keeper: Keeper, made: Sequence[tuple[Image, bytes]]) -> None:
        keep(keeper, made)
        tell({"kept": [image.id for image, _ in made]})

    at_once = patch.object(making, "COMMIT_SECONDS", 0.0)
    with models.open(library) as opened, patch.object(Keeper, "keep", told), at_once:
        opened.generate("a red house", MADE, seed=seed, num_inference_steps=1, candidates=1, neighbours=2)


def remove(models: Models, library: Path, ids: list[str], tell: Tell) -> None:
    """Take images out, and tell which."""
    with models.open(library) as opened:
        opened.remove(ids)
        tell({"removed": ids})


def copied(models: Models, library: Path, target: Path, tell: Tell) -> None:
    """Copy a library, and tell what has arrived."""
    with models.open(library) as old, models.open(target) as new:
        upsert = new.store.upsert

        def told(images: Any) -> None:
            upsert(images)
            tell({"kept": [image.id for image in images]})

        new.store.upsert = told  # type: ignore[method-assign]
        copy(CopySide(old.store, old.folder), CopySide(new.store, new.folder))


def train(folder: Path, tell: Tell) -> None:
    """Take steps, and tell which checkpoint was written."""
    for step, run in _run(folder, steps=STEPS):
        if run.steps and step:
            tell({"steps": run.steps})


def trained(folder: Path, tell: Tell) -> None:
    """Tell with which step the training would go on."""
    _, run = next(_run(folder, steps=10**6))
    tell({"steps": run.steps})


def _run(folder: Path, steps: int) -> Iterator[tuple[bool, Any]]:
    """A training of a network of one layer: whether a checkpoint was just written, and the run."""
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
    """Repair a library, and tell what is still wrong."""
    result = repair(library, lambda _: models.embedder)
    tell({"done": result.done, "left": [finding.message for finding in result.left]})


def looked_at(library: Path, tell: Tell) -> None:
    """Tell which images a library holds, which of them are broken, and what a kill must not leave."""
    findings = check_folder(library)
    store = phosphene.open(library, create=True).store  # a kill may have come before there was a store
    faults = [finding for finding in findings if not _left_by_kills(finding)]
    broken = [id for finding in faults for id in finding.about]
    wrong = [finding.message for finding in faults]
    tell({"ids": [image.id for image in store.iterate()], "broken": broken, "wrong": wrong})


def _left_by_kills(finding: Finding) -> bool:
    """What a kill may leave, and the next run or a repair rights: work that was not reported yet."""
    begun = "There is no store in" in finding.message or "lie in `pictures`" in finding.message
    return finding.part in ("journal", "left over") or begun


# ── truncations ───────────────────────────────────────────────────────────────────────────


def truncated(
    models: Models, folder: Path, count: int, chance: random.Random, end: float
) -> dict[str, Tally]:
    """Cut any file of a library, check, repair and search it: what is kept."""
    images, libraries = Tally(), Tally()
    if count:
        whole = _whole(models, folder)
        files = sorted(path for path in whole.rglob("*") if path.is_file() and path.stat().st_size)
        expected = _state(whole)["ids"]
    for number in range(count):
        if time.monotonic() > end:
            break
        file = chance.choice(files).relative_to(whole)
        damaged = Path(shutil.copytree(whole, folder / f"cut-{number}"))
        length = chance.randrange((damaged / file).stat().st_size)
        os.truncate(damaged / file, length)
        reports = _finish(partial(_mended, models, damaged))
        [report] = reports or [{"ids": [], "left": ["it ended in an exception"]}]
        images.tries, libraries.tries = images.tries + 1, libraries.tries + 1
        what = f"{file} at {length}"
        images.add(len(expected), [id for id in expected if id not in report["ids"]], what)
        libraries.add(1, list(report["left"]), what)
        shutil.rmtree(damaged)
    return {"images after a truncation": images, "libraries whole after a repair": libraries}


def _whole(models: Models, folder: Path) -> Path:
    """A library of several commits, with generated pictures."""
    kills = Kills(models, folder / "whole", random.Random(0))
    library = folder / "whole" / "library"
    for _ in range(2):
        _finish(partial(add, models, library, kills._pictures()))
    _finish(partial(generate, models, library, 7))
    return library


def _mended(models: Models, library: Path, tell: Tell) -> None:
    """Check, repair and search; a damaged library may be refused, but only with a sentence."""
    check_folder(library)
    with suppress(PhospheneError):
        phosphene.open(library).status()
    result = repair(library, lambda _: models.embedder, model="landscape")
    with models.open(library) as opened:
        found = opened.search("a red house", 5)
        ids = [image.id for image in opened.store.iterate()]
    left = [finding.message for finding in result.left]
    tell({"ids": ids, "left": left if found else [*left, "nothing is found"]})


# ── processes ─────────────────────────────────────────────────────────────────────────────


def _forked(deed: Callable[[Tell], None], seconds: float | None) -> tuple[list[Report], bool]:
    """What a process reported until it was killed after so many seconds, and whether it ended before."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _do(deed, writer)
    os.close(writer)
    text, end = bytearray(), None if seconds is None else time.monotonic() + seconds
    ended = False
    while not ended:
        left = None if end is None else max(0.0, end - time.monotonic())
        if not select.select([reader], [], [], left)[0]:
            break
        part = os.read(reader, 1 << 16)
        text += part
        ended = not part
    if not ended:
        os.kill(child, signal.SIGKILL)
    while part := os.read(reader, 1 << 16):
        text += part
    os.close(reader)
    os.waitpid(child, 0)
    return [json.loads(line) for line in text.split(b"\n")[:-1]], ended


def _report(writer: int, report: dict[str, Any]) -> None:
    os.write(writer, json.dumps(report).encode() + b"\n")


def _do(deed: Callable[[Tell], None], writer: int) -> None:
    """What the forked process does; it never returns."""
    try:
        deed(partial(_report, writer))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _finish(deed: Callable[[Tell], None]) -> list[Report]:
    """What a process reports that is not killed."""
    return _forked(deed, None)[0]


def _state(library: Path) -> Report:
    reports = _finish(partial(looked_at, library))
    return reports[0] if reports else {"ids": [], "broken": [], "wrong": ["it cannot be read"]}


def _plain(tally: Tally) -> dict[str, Any]:
    kinds = Counter(wrong.split(":")[0] for wrong in tally.wrong)
    return {
        "tries": tally.tries,
        "promised": tally.promised,
        "kept": tally.kept,
        "wrong": dict(kinds),
        "examples": tally.wrong[:20],
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--truncations", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
