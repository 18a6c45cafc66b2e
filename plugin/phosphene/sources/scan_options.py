"""What a user asks of a scan beside the names of its sources, and what the scan left out."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """The options of one scan. Every source gets the same ones, and notes there what it leaves out."""

    left_out: Counter[str] = field(default_factory=Counter, compare=False)  # files, by their endings
