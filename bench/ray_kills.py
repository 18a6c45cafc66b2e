"""Kill the command or a worker of `add --engine ray`, for `bench/kills.py --engine ray`.

The Ray cluster runs all the time, and each `add` is a process that connects to it. In turn, that process or
one of its workers gets SIGKILL at a random moment. After each kill, everything that was reported as committed
must be in the store, and once only. Then the same `add` runs undisturbed, and the library must hold each of
the pictures, once, and nothing else.
"""

import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

from forked import Tell, finish, run_forked
from killable import draw_folder, looked_at
from tally import Tally

import phosphene
from phosphene.embedding import open_embedder
from phosphene.images import image_id
from phosphene.ingest import committer
from phosphene.ingest.commit import commit
from phosphene.ingest.on_ray import RayEngine
from phosphene.ingest.worker import Outcome
from phosphene.journal import Journal, Seen
from phosphene.store import Store

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from weaviate_server import free_ports

FOLDERS = 8  # of 24 pictures each: three blocks
VICTIMS = ("command", "worker")
CORES = 2
STARTED = "Ray runtime started"  # what `ray start` prints when the cluster is ready


def killed_on_ray(kills: int, folder: Path, chance: random.Random, end: float) -> dict[str, Tally]:
    """Kill that many processes, or fewer if the time runs out at `end`. Returns a tally for each victim."""
    tallies = {f"ray: {victim}": Tally() for victim in VICTIMS}
    with running_cluster(folder) as (address, head):
        started = time.monotonic()
        finish(partial(add, address, folder / "undisturbed", [draw_folder(folder, 0)]))
        length = time.monotonic() - started
        for number in range(kills):
            if time.monotonic() > end:
                break
            pictures = [draw_folder(folder / str(number), place) for place in range(FOLDERS)]
            library, victim = folder / f"library-{number}", VICTIMS[number % len(VICTIMS)]
            work, tally = partial(add, address, library, pictures), tallies[f"ray: {victim}"]
            after = chance.uniform(0, length)
            if victim == "command":
                reports, _ = run_forked(work, after)
            else:
                ended = threading.Event()
                threading.Timer(after, kill_worker, [head, chance, ended]).start()
                reports = finish(work)
                ended.set()
            account(tally, library, {id for report in reports for id in report["kept"]}, "after the kill")
            started = time.monotonic()
            finish(work)
            length = 0.5 * length + 0.5 * (time.monotonic() - started)
            account(tally, library, ids_of(pictures), "after a rerun")
    return tallies


def add(address: str, library: Path, pictures: Sequence[Path], tell: Tell) -> None:
    """Add folders by Ray, and tell which images each commit holds."""

    def told(found: Sequence[Outcome], store: Store, journal: Journal) -> int:
        new = commit(found, store, journal)
        tell({"kept": [file.id for file, _ in found if isinstance(file, Seen)]})
        return new

    with (
        phosphene.open(library, model="landscape", create=True) as opened,
        patch.object(committer, "commit", told),
    ):
        RayEngine(address, workers=1).add(
            pictures, load=partial(open_embedder, "landscape"), store=opened.store, journal=opened.journal
        )


def account(tally: Tally, library: Path, promised: set[str], when: str) -> None:
    """Compare what was promised with what a library holds."""
    if not promised and not (library / "library.json").exists():
        return  # it was killed before it made the library
    [state] = finish(partial(looked_at, library))
    held = list(state["ids"])
    tally.tries += when == "after the kill"
    tally.add(len(promised), [id for id in promised if id not in held], when)
    tally.wrong += [f"{when}: {wrong}" for wrong in state["wrong"]]
    tally.wrong += [f"{when}: `{id}` is there twice" for id in set(held) if held.count(id) > 1]
    if when == "after a rerun":
        tally.wrong += [f"{when}: nobody added `{id}`" for id in held if id not in promised]


def ids_of(pictures: Sequence[Path]) -> set[str]:
    """The ids of all pictures in folders."""
    files = [file for folder in pictures for file in folder.iterdir()]
    return {image_id(sha256(file.read_bytes()).hexdigest()) for file in files}


def kill_worker(head: int, chance: random.Random, ended: threading.Event) -> None:
    """Kill one of the cluster's processes that hold the model, as soon as there is one."""
    while not ended.wait(0.05):
        named = [pid for pid in descendants(head) if _words(pid).startswith("ray::MapWorker")]
        if named:
            os.kill(chance.choice(named), signal.SIGKILL)
            return


def descendants(pid: int) -> Iterator[int]:
    """The processes below a process."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
        yield from descendants(int(child))


@contextmanager
def running_cluster(folder: Path) -> Iterator[tuple[str, int]]:
    """A cluster of a few cores, with a token of its own, which forked processes inherit.

    Yields its address and the process above all of its processes.
    """
    port = free_ports()[0]
    command = [
        sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", f"--port={port}",
        f"--num-cpus={CORES}", "--include-dashboard=false", "--disable-usage-stats",
    ]  # fmt: skip
    os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"] = "token", secrets.token_hex(32)
    said = folder / "ray.log"
    with said.open("wb") as log:
        head = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        while STARTED not in said.read_text():
            if head.poll() is not None:
                raise RuntimeError(f"Ray does not start:\n{said.read_text()}")
            time.sleep(0.2)
        yield f"127.0.0.1:{port}", head.pid
    finally:
        os.killpg(head.pid, signal.SIGKILL)
        head.wait()


def _words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:  # it has ended
        return ""
