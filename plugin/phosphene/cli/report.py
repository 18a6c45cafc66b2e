"""The report of `check` and `repair` on the faults of a library."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.cli.options import Settings
from phosphene.cli.output import Column

if TYPE_CHECKING:
    from phosphene.maintenance.findings import Finding

FINDINGS = (Column("part", "part"), Column("message", "what is wrong", path=True))


def folder_of(settings: Settings) -> Path | None:
    """The folder of a library with a LanceDB store, or None if it has another store."""
    from phosphene.opening import locate
    from phosphene.store.lance.location import LanceLocation

    location = locate(settings.library)
    return location.folder if isinstance(location, LanceLocation) else None


def show_findings(settings: Settings, findings: "Sequence[Finding]") -> None:
    """Print findings as a listing. With `-q` it has only the messages."""
    records = [
        {"part": finding.part, "message": finding.message, "about": list(finding.about)}
        for finding in findings
    ]
    settings.output.rows(records, FINDINGS, key="message")
