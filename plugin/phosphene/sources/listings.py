"""Files that list pictures and describe them. Each kind of file has a reader, by its ending.

A listing that the user names yields its pictures. One that is met in a folder under its usual name describes
the pictures in that folder and below.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from phosphene.sources.columns import Description, together
from phosphene.sources.file_names import FileNames


@dataclass(slots=True)
class Listing:
    """The pictures of a file with their descriptions, and what was skipped in it."""

    about: dict[Path, Description] = field(default_factory=dict)
    _skipped: dict[str, list[str]] = field(default_factory=dict)  # the reasons, by the kind of fault

    def describe(self, picture: Path, description: Description) -> None:
        """Add what one place of the file says about a picture."""
        known = self.about.get(picture)
        self.about[picture] = description if known is None else together([known, description])

    def skip(self, reason: str, kind: str = "") -> None:
        """Note why something was skipped. Reasons of one kind are told together."""
        self._skipped.setdefault(kind or reason, []).append(reason)

    @property
    def faults(self) -> tuple[str, ...]:
        """Why entries were skipped: for each kind of fault the first reason, and how many more there are."""
        return tuple(
            reasons[0] + (f" (and {len(reasons) - 1:,} more like this)" if len(reasons) > 1 else "")
            for reasons in self._skipped.values()
        )


ReadListing = Callable[[Path, Sequence[Path], FileNames], Listing]
