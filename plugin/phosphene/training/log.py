"""The log of a training: a line of JSON for each step that was noted.

An attempt that was killed leaves steps that no checkpoint holds. The next attempt notes from which step it
goes on, `{"resumed": 12}`, so that whoever reads the log leaves those steps out.
"""

import json
import math
from pathlib import Path
from typing import Any

from phosphene.files import naming


class Log:
    """The log in a file, which a new attempt continues."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def resume(self, step: int) -> None:
        """Note that an attempt goes on from `step`: what is there of later steps does not count."""
        if not self.path.exists():
            return
        whole = self.path.read_bytes()
        if whole and not whole.endswith(b"\n"):
            self._append("\n")  # the line that a kill cut off must not swallow the next one
        self.add(resumed=step)

    def add(self, **numbers: float) -> None:
        """Add a line."""
        self._append(json.dumps(numbers) + "\n")

    def _append(self, text: str) -> None:
        with naming(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(text)


def read_log(path: Path) -> list[dict[str, float]]:
    """The log's lines, without those of steps that a resumed run took again, and without damaged ones."""
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
    """The finite numbers of a line; none of a line that a kill cut off, or that is damaged."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {key: value for key, value in line.items() if _finite(value)} if isinstance(line, dict) else {}


def _finite(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:  # an integer that no float can hold
        return False
