"""Counts promises: reports of committed work, which must be there after a kill."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Tally:
    """How many promises were made and kept, and sentences on the broken ones."""

    promised: int = 0
    kept: int = 0
    tries: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, promised: int, lost: list[str], what: str) -> None:
        """Count some promises. Those on the `lost` images or steps were broken."""
        self.promised, self.kept = self.promised + promised, self.kept + promised - len(lost)
        if lost:
            self.wrong.append(f"{what}: lost {', '.join(lost[:3])} and so on, {len(lost)} in all")

    def figures(self) -> dict[str, Any]:
        """The counts, and some of the faults."""
        return {
            "tries": self.tries,
            "promised": self.promised,
            "kept": self.kept,
            "wrong": dict(Counter(wrong.split(":")[0] for wrong in self.wrong)),
            "examples": self.wrong[:20],
        }
