"""What embedding models cost on this machine: measured once, and remembered in phosphene's home."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from phosphene.config import home
from phosphene.embedding.consent import absolute
from phosphene.embedding.model_names import parse
from phosphene.embedding.weights import resolve
from phosphene.errors import ModelError
from phosphene.files import write_whole
from phosphene.machine import processor

ROUNDS = 3  # batches for each core


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What a model costs on one machine."""

    processor: str
    cores: int
    device: str  # as the user named it
    seconds_loading: float  # from the first import to the vector of the first text
    seconds_a_text: float
    pictures_a_second: float  # from prepared pictures to vectors, on all cores
    peak_memory: int | None  # bytes of the whole process; None where nobody counts them


def remembered() -> dict[str, Speed]:
    """The speeds that were measured on this machine, by the names of the models."""
    return {name: speed for name, speed in _read().items() if speed.processor == processor()}


def measure(name: str, *, device: str = "auto", on_step: Callable[[int, int], None] | None = None) -> Speed:
    """Measure a model that is on this machine, and remember the result.

    This happens in a process of its own, so that loading and memory are those of a search. `on_step` is
    called with the number of steps that are done, and of all. Raises ModelError if the model is not here or
    cannot be loaded.
    """
    if parse(name).kind != "plugin":
        resolve(name)
    list(_timed(name, device, rounds=0))  # what is done only once, such as converting the model, is done here
    for step in _timed(name, device, rounds=ROUNDS):
        if on_step:
            on_step(step["done"], step["total"])
    speed = Speed(**step["found"])
    entries = {key: asdict(one) for key, one in {**_read(), absolute(name): speed}.items()}
    with suppress(OSError):  # with a read-only home, it is measured again
        write_whole(_file(), json.dumps(entries, indent=1).encode())
    return speed


def _timed(name: str, device: str, rounds: int) -> Iterator[Mapping[str, Any]]:
    """The steps that `timing` reports from its process. The last one has what was found."""
    command = [sys.executable, "-m", "phosphene.catalogue.timing", name, device, str(rounds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            step = json.loads(line)
            if "error" in step:
                raise ModelError(step["error"], step["hint"])
            yield step
    if child.returncode:
        raise ModelError(
            f"The process that measured `{name}` ended with the status {child.returncode}.",
            hint="perhaps this machine has too little memory; `phosphene models` says which models fit",
        )


def _read() -> dict[str, Speed]:
    try:
        return {name: Speed(**entry) for name, entry in json.loads(_file().read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):  # none yet, or a damaged file
        return {}


def _file() -> Path:
    return home() / "speeds.json"
