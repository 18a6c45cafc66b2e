"""What a user asks of a scan beside the names of its sources, and what the scan left out."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """The options of one scan. Every source gets the same ones, and notes there what it leaves out.

    `include` and `exclude` are patterns as `globs` describes them. With `include`, only files that match one
    of these are taken; what matches `exclude` is never taken.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    allow_urls: bool = False  # whether pictures may be fetched from the web
    left_out: Counter[str] = field(default_factory=Counter, compare=False)  # files, by their endings


def counted(left_out: Counter[str]) -> str:
    """How many files were left out, as `12 .mov, 3 .pdf`; empty if none were."""
    return ", ".join(f"{count:,} {ending or 'without an ending'}" for ending, count in left_out.most_common())
