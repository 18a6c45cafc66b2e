"""The log of a training: a line of JSON for each step that was noted.

A killed attempt leaves lines of steps that are in no checkpoint. The next attempt notes the step from which
it continues, `{"resumed": 12}`, so that readers of the log leave the others out.
"""

import json
import math
from pathlib import Path
from typing import Any

from phosphene.files import naming


class Log:
    """A log in a file. A new attempt appends to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def resume(self, step: int) -> None:
        """Note that an attempt continues from `step`, so that lines of later steps no longer count."""
        if not self.path.exists():
            return
        whole = self.path.read_bytes()
        if whole and not whole.endswith(b"\n"):
            self._append("\n")  # ends a line that a kill has cut off
        self.add(resumed=step)

    def add(self, **numbers: float) -> None:
        """Add a line."""
        self._append(json.dumps(numbers) + "\n")

    def _append(self, text: str) -> None:
        with naming(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(text)


def read_log(path: Path) -> list[dict[str, float]]:
    """The lines of a log, without steps that a resumed run took again, and without damaged lines."""
    if not path.exists():
        return []
    lines: list[dict[str, float]] = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        line = _numbers(text)
        if "resumed" in line:
            lines = [earlier for earlier in lines if earlier["step"] < line["resumed"]]
        elif "step" in line:
            lines.append(line)
    return lines


def _numbers(text: str) -> dict[str, float]:
    """The finite numbers of a line. There are none if the line is cut off or damaged."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {key: value for key, value in line.items() if _finite(value)} if isinstance(line, dict) else {}


def _finite(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:  # the integer is too large for a float
        return False
