"""Measure how soon the command line answers `--help`, a first search and a repeated search.

    python bench/start.py -L demo/library [--runs 7] [--json FILE]

Every run is a process of its own. The figures are medians of seconds by the clock and of CPU seconds; the
ratios are of CPU seconds, which other programs on the machine hardly change. The first search has a text
that the library has never seen, so it loads the model. The repeated one finds the text's vector in the
library.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import record

HELP_AT_MOST = 3.0  # how many times as long as `python -c "import click"` it may take
Seconds = tuple[float, float]  # by the clock, and of the CPU


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
    first = _median(
        [_seconds([*phosphene, "search", f"a red house, seen {time.time_ns()} times"]) for _ in range(runs)]
    )
    again = [*phosphene, "search", "a red house in the snow"]
    _seconds(again)
    repeated = _median([_seconds(again) for _ in range(runs)])
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


def _named(what: str, seconds: Seconds) -> dict[str, float]:
    return {f"{what}, s": round(seconds[0], 3), f"{what}, CPU s": round(seconds[1], 3)}


def _alternating(commands: list[list[str]], runs: int) -> list[Seconds]:
    """The median of each command. They run in turns, so that a busy moment hits them alike."""
    times = [[_seconds(command) for command in commands] for _ in range(runs)]
    return [_median(column) for column in zip(*times, strict=True)]


def _median(times: Sequence[Seconds]) -> Seconds:
    return statistics.median(one[0] for one in times), statistics.median(one[1] for one in times)


def _seconds(command: list[str]) -> Seconds:
    """The seconds of a command, by the clock and of the CPU."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    elapsed, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return elapsed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


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
