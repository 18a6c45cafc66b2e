"""Count the committed images that survive kills and damaged files. All of them should.

    python bench/kills.py [--kills 1000] [--truncations 200] [--seed 0] [--minutes 60] [--json FILE]
    python bench/kills.py --engine ray [--kills 200] [--seed 0] [--minutes 60] [--json FILE]

Kills: `add`, `generate`, `remove`, `copy` and a training run in turn, each in a process that gets SIGKILL at
a random moment. The process reports through a pipe what it has committed as soon as it has. After each kill,
another process checks the library. Every reported image must be in the store with its thumbnail, and a
generated one with its picture. Every image that was reported as removed must be gone. A training must go on
from the last checkpoint that was reported. A kill leaves alone what the system holds in memory. For power
cuts see `tests/test_power_cut.py`, which damages the files that were not flushed.

Truncations: a file of a small library is cut at a random length. The library is then checked, repaired and
searched. All of its images should be there again, because their files are.

With `--engine ray`, only `add --engine ray` is killed, see `ray_kills.py`.

The models are the built-in ones. They are loaded once, and each process is forked from that one.
"""

import argparse
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import record
from forked import Report, Tell, finish, run_forked
from killable import Models, add, copied, draw_folder, generate, looked_at, remove, repaired, train, trained
from ray_kills import killed_on_ray
from tally import Tally
from truncations import truncated

from phosphene.embedding import open_embedder
from phosphene.generators import open_generator

KINDS = ("add", "generate", "remove", "copy", "train")
REMOVED = 5  # images that one command removes
FRESH = 100  # kills after which a new library is begun, so that all are small
REPAIRED = 20  # kills after which the library is repaired, and must be whole then


def main() -> None:
    arguments = _arguments()
    seconds = 60 * arguments.minutes
    if arguments.engine == "ray":
        tallies = measure_ray(arguments.kills, arguments.seed, seconds)
    else:
        tallies = measure(arguments.kills, arguments.truncations, arguments.seed, seconds)
    for name, tally in tallies.items():
        print(f"{name}: {tally.tries} times, kept {tally.kept:,} of {tally.promised:,}")
        for wrong in tally.wrong[:10]:
            print(f"  {wrong}")
    if arguments.json:
        record.write(arguments.json, {name: tally.figures() for name, tally in tallies.items()})
    sys.exit(any(tally.wrong for tally in tallies.values()))


def measure(kills: int, truncations: int, seed: int, seconds: float) -> dict[str, Tally]:
    """Kill and truncate for at most `seconds`, and return the tallies by their names."""
    import torch

    torch.set_num_threads(1)  # a forked process does not have its parent's threads
    warnings.simplefilter("ignore")
    embedder = open_embedder("landscape")
    models = Models(embedder, open_generator(None, Path("none"), embedder.space))
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        killed = Kills(models, Path(folder), random.Random(seed)).over(kills, end - 0.3 * seconds)
        cut = truncated(models, Path(folder), truncations, random.Random(seed), end)
    return killed | cut


def measure_ray(kills: int, seed: int, seconds: float) -> dict[str, Tally]:
    """Kill processes of `add --engine ray` for at most `seconds`, and return the tallies by their names."""
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        return killed_on_ray(kills, Path(folder), random.Random(seed), end)


class Kills:
    """Works on a library in processes that are killed, and counts the promises that were kept."""

    def __init__(self, models: Models, folder: Path, chance: random.Random) -> None:
        self.models, self.folder, self.chance = models, folder, chance
        self.tallies = {kind: Tally() for kind in (*KINDS, "repaired")}
        self.lengths = dict.fromkeys(KINDS, 2.0)  # the seconds that each kind took when it was not killed
        self.number = 0

    def over(self, kills: int, end: float) -> dict[str, Tally]:
        """Kill that many processes, or fewer if the time runs out."""
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
        finish(partial(add, self.models, self.library, self._pictures()))
        self.present = set(_state(self.library)["ids"])
        self.copies: set[str] = set()
        self.steps = 0

    def _kill(self, kind: str) -> None:
        work = self._work(kind)
        started = time.monotonic()
        reports, ended = run_forked(work, self.chance.uniform(0, 1.1 * self.lengths[kind]))
        if ended:
            self.lengths[kind] = time.monotonic() - started
        self._account(kind, reports)
        if kind == "copy" and ended:  # the next copy goes into a new library
            self.copied = self.folder / f"copy-{self.library.name}-{self.number}"
            self.copies = set()

    def _work(self, kind: str) -> Callable[[Tell], None]:
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
        """Compare the reports with the state of the library."""
        tally = self.tallies[kind]
        tally.tries += 1
        kept = {id for report in reports for id in report.get("kept", ())}
        gone = {id for report in reports for id in report.get("removed", ())}
        if kind == "train":
            self.steps = max([self.steps, *(report["steps"] for report in reports)])
            [found] = finish(partial(trained, self.folder / f"training-{self.library.name}"))
            tally.add(1, [] if found["steps"] >= self.steps else [f"step {self.steps}"], kind)
            return
        where = self.copied if kind == "copy" else self.library
        promised = (self.copies if kind == "copy" else self.present - gone) | kept
        if not promised and not (where / "library.json").exists():
            return  # it was killed before it made the library
        state = _state(where)
        there = set(state["ids"]) - set(state["broken"])
        named = [id for id in promised if id not in there] + [id for id in gone if id in there]
        if kind == "remove" and not gone:  # a killed one may have removed some already
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
        reports = finish(partial(repaired, self.models, self.library))
        left = [str(report["left"]) for report in reports if report["left"]]
        tally.add(1, left, "repair")
        self.present = set(_state(self.library)["ids"])

    def _pictures(self) -> Path:
        """A folder of new pictures."""
        self.number += 1
        return draw_folder(self.folder, self.number)


def _state(library: Path) -> Report:
    reports = finish(partial(looked_at, library))
    return reports[0] if reports else {"ids": [], "broken": [], "wrong": ["it cannot be read"]}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--engine", choices=["local", "ray"], default="local")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--truncations", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
