"""Measure how soon the command line answers `--help`, a first search and a repeated search.

    python bench/start.py -L demo/library [--runs 7] [--json FILE]

Every run is a process of its own. The figures are medians of seconds by the clock, of CPU seconds and of peak
memory; the ratios are of CPU seconds, which other programs on the machine hardly change. The first search has
a text that the library has never seen, so it loads the model, which a search before has exported. The
repeated one finds the text's vector in the library.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import record

HELP_AT_MOST = 3.0  # how many times as long as `python -c "import click"` it may take
Cost = tuple[float, float, float]  # seconds by the clock and of the CPU, and MB at the peak


def main() -> None:
    arguments = _arguments()
    figures = measure(arguments.library, arguments.runs)
    for name, value in figures.items():
        print(f"{name:<24} {value}")
    if arguments.json:
        record.write(arguments.json, figures)


def measure(library: Path, runs: int) -> dict[str, Any]:
    """The medians, in seconds, and their ratios."""
    phosphene = [sys.executable, "-m", "phosphene", "-L", str(library)]
    click, help = _alternating([[sys.executable, "-c", "import click"], [*phosphene, "--help"]], 3 * runs)
    again = [*phosphene, "search", "a red house in the snow"]
    _cost([*phosphene, "search", f"a text of {time.time_ns()}"])
    first = _median(
        [_cost([*phosphene, "search", f"a red house, seen {time.time_ns()} times"]) for _ in range(runs)]
    )
    _cost(again)
    repeated = _median([_cost(again) for _ in range(runs)])
    return {
        **_named("import click", click),
        **_named("--help", help),
        "--help / import click": round(help[1] / click[1], 2),
        "at most": HELP_AT_MOST,
        **_named("first search", first),
        **_named("repeated search", repeated),
        "repeated / first": round(repeated[1] / first[1], 2),
        "runs": runs,
    }


def _named(what: str, cost: Cost) -> dict[str, float]:
    clock, cpu, memory = cost
    return {f"{what}, s": round(clock, 3), f"{what}, CPU s": round(cpu, 3), f"{what}, MB": round(memory)}


def _alternating(commands: list[list[str]], runs: int) -> list[Cost]:
    """The median of each command. They run in turns, so that a busy moment hits them alike."""
    costs = [[_cost(command) for command in commands] for _ in range(runs)]
    return [_median(column) for column in zip(*costs, strict=True)]


def _median(costs: Sequence[Cost]) -> Cost:
    clock, cpu, memory = map(statistics.median, zip(*costs, strict=True))
    return clock, cpu, memory


def _cost(command: list[str]) -> Cost:
    """What a command costs, as the system accounts for its process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "-L", "--library", type=Path, default=Path("demo/library"), help="a library that holds images"
    )
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
