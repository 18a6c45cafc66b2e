"""How soon the command line answers: `--help`, a first search, a repeated search.

    python bench/start.py -L demo/library [--runs 7] [--json FILE]

Every run is a process of its own. Medians of wall-clock seconds. The first search has a text that
the library has never seen, so that it loads the model; the repeated one finds its vector kept.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HELP_AT_MOST = 3.0  # times `python -c "import click"`


def main() -> None:
    arguments = _arguments()
    figures = measure(arguments.library, arguments.runs)
    for name, value in figures.items():
        print(f"{name:<24} {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def measure(library: Path, runs: int) -> dict[str, Any]:
    """The medians, in seconds, and their ratios."""
    phosphene = [sys.executable, "-m", "phosphene", "-L", str(library)]
    click, help = _alternating([[sys.executable, "-c", "import click"], [*phosphene, "--help"]], 3 * runs)
    first = statistics.median(
        _seconds([*phosphene, "search", f"a red house, seen {time.time_ns()} times"]) for _ in range(runs)
    )
    again = [*phosphene, "search", "a red house in the snow"]
    _seconds(again)
    return {
        "import click, s": round(click, 4),
        "--help, s": round(help, 4),
        "--help / import click": round(help / click, 2),
        "at most": HELP_AT_MOST,
        "first search, s": round(first, 3),
        "repeated search, s": round(statistics.median(_seconds(again) for _ in range(runs)), 3),
        "runs": runs,
    }


def _alternating(commands: list[list[str]], runs: int) -> list[float]:
    """The median of each command, run in turns so that a busy moment hits them alike."""
    times = [[_seconds(command) for command in commands] for _ in range(runs)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "-L", "--library", type=Path, default=Path("demo/library"), help="a library that holds images"
    )
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
