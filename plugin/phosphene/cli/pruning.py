"""Removing the images whose files are gone, after a question, for `add --prune` and `watch --prune`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.cli.options import Settings
from phosphene.cli.streams import visible

if TYPE_CHECKING:
    from phosphene.ingest import Added
    from phosphene.library import Library
    from phosphene.maintenance.pruning import Scanned


def pruned(
    settings: Settings,
    library: "Library",
    places: Sequence[Path],
    scanned: "Scanned",
    added: "Added",
    *,
    yes: bool,
) -> int:
    """Remove what is gone from the places. Returns how many images that were."""
    found = library.prunable(places, scanned, added.failures)
    for reason in found.kept:
        settings.output.note(f"kept what was not found: {visible(reason)}")
    if found.ids and not yes:
        settings.output.confirm(f"Remove {len(found.ids):,} images whose files are gone from {library.url}?")
    return library.remove(found.ids) if found.ids else 0
