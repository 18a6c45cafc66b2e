"""What `check` and `repair` find wrong with a library."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.cli.options import Settings
from phosphene.cli.output import Column

if TYPE_CHECKING:
    from phosphene.maintenance.check import Finding

FINDINGS = (Column("part", "part"), Column("message", "what is wrong", path=True))


def folder_of(settings: Settings) -> Path | None:
    """The folder of the library; None for one on a server."""
    from phosphene.config import default_library
    from phosphene.store.weaviate.address import Address

    place = settings.library or default_library()
    return None if Address.is_one(place) else Path(place).expanduser().absolute()


def show_findings(settings: Settings, findings: "Sequence[Finding]") -> None:
    """Print findings as a listing; with `-q` only what is wrong."""
    records = [
        {"part": finding.part, "message": finding.message, "about": list(finding.about)}
        for finding in findings
    ]
    settings.output.rows(records, FINDINGS, key="message")
