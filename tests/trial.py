"""Runs a trial, which tries one fault that people have met in similar tools on the whole command."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import Result

from command import lines, run

PICTURES, GENERATED = 30, 2


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial's own folder, which is the current one, and the things in it."""

    folder: Path
    library: Path  # a copy that the trial may change
    pictures: Path  # what was added to it: NNNNNNN.png and captions.json, only to be read

    def run(self, *words: object, **extra: Any) -> Result:
        """Run a command on the library. An exception other than an exit fails the trial."""
        return run("-L", self.library, *words, **extra)

    def lines(self, *words: object) -> list[dict[str, Any]]:
        """Run a command on the library that must succeed, and return the JSON that it prints."""
        return lines("-L", self.library, *words)

    def generated(self) -> list[str]:
        """The ids of the library's generated pictures."""
        return sorted(path.stem for path in (self.library / "pictures").glob("*.png"))
