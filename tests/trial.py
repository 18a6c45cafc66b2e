"""A trial: one fault of a kind that people have met in tools like this, tried on the whole command."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import Result

from command import lines, run

PICTURES, GENERATED = 30, 2


@dataclass(frozen=True, slots=True)
class Trial:
    """A folder to work in, which is the current one, and what lies in it."""

    folder: Path
    library: Path  # a copy that the trial may change
    pictures: Path  # what was added to it: NNNNNNN.png and captions.json, only to be read

    def run(self, *words: object, **extra: Any) -> Result:
        """The command on the library; an exception that is no exit fails the trial."""
        return run("-L", self.library, *words, **extra)

    def lines(self, *words: object) -> list[dict[str, Any]]:
        """What a command on the library prints as JSON; it must end well."""
        return lines("-L", self.library, *words)

    def generated(self) -> list[str]:
        """The ids of the library's generated pictures."""
        return sorted(path.stem for path in (self.library / "pictures").glob("*.png"))
