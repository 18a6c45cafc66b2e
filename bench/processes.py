"""Runs commands as processes of their own, and measures what each of them takes."""

import json
import os
import shlex
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

# Variables that would change what a command imports, how many cores it uses, or where its files are.
OURS = ("PYTHONPATH", "OMP_NUM_THREADS", "PHOSPHENE_LIBRARY", "PHOSPHENE_HOME")
OFFLINE = {"HF_HUB_OFFLINE": "1"}
MEASURED = Path(__file__).with_name("measured.py")


@dataclass(frozen=True, slots=True)
class Command:
    """A command, the folder in which it runs, and the variables that it needs besides the usual ones."""

    words: Sequence[str | Path]
    folder: Path = field(default_factory=Path.cwd)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        """The whole environment of the process."""
        usual = {name: value for name, value in os.environ.items() if name not in OURS}
        return usual | OFFLINE | dict(self.environment)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took, with the processes that it started, and what it printed."""

    cpu: float  # seconds
    seconds: float  # by the clock
    peak: float  # MB, in the largest of its processes
    output: str = ""


def run(command: Command) -> Cost:
    """Run a command to its end. Raises RuntimeError with the end of what it said if it fails."""
    with TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        done = subprocess.run(
            [sys.executable, "-IS", MEASURED, report, *command.words],
            cwd=command.folder,
            env=command.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            said = (done.stdout + done.stderr)[-3000:]
            raise RuntimeError(f"{shlex.join(map(str, command.words))} failed:\n{said}")
        return Cost(**json.loads(report.read_text(encoding="utf-8")), output=done.stdout)


def in_turns(tasks: Mapping[str, Callable[[], Cost]], runs: int) -> dict[str, Cost]:
    """The medians of each task. They run in turns, so that a busy moment hits them alike."""
    costs: dict[str, list[Cost]] = {name: [] for name in tasks}
    for _ in range(runs):
        for name, task in tasks.items():
            costs[name].append(task())
    return {name: median(each) for name, each in costs.items()}


def median(costs: Sequence[Cost]) -> Cost:
    """The medians of several runs, with the output of the last one."""
    taken = {
        name: statistics.median(getattr(one, name) for one in costs) for name in ("cpu", "seconds", "peak")
    }
    return Cost(**taken, output=costs[-1].output)
