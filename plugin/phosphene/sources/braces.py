"""Brace patterns, which name the shards of a data set: `shards/{000..010}.tar`, `{train,val}.tar`."""

import re
from collections.abc import Iterator
from itertools import product
from math import prod

from phosphene.errors import ImageError

BRACES = re.compile(r"\{([^{}]*)\}")
RANGE = re.compile(r"([0-9]{1,9})\.\.([0-9]{1,9})")
MAX_NAMES = 1_000_000  # LAION-5B has 232,000 shards


def has_braces(name: str) -> bool:
    """Whether a name holds braces that stand for several names."""
    return any(_is_pattern(found[1]) for found in BRACES.finditer(name))


def expanded(pattern: str) -> list[str]:
    """The names that a pattern stands for, in order; the pattern itself if it has no braces.

    If an end of a range begins with a zero, all of its numbers have as many digits. Raises ImageError for a
    pattern of more than a million names.
    """
    pieces = BRACES.split(pattern)  # every second one stood between braces
    choices = [_choices(piece) if at % 2 else [piece] for at, piece in enumerate(pieces)]
    if (count := prod(map(len, choices))) > MAX_NAMES:
        raise ImageError(
            f"`{pattern}` stands for {count:,} names. At most {MAX_NAMES:,} are read.",
            hint="add it in several parts",
        )
    return ["".join(parts) for parts in product(*choices)]


def _is_pattern(inside: str) -> bool:
    return "," in inside or RANGE.fullmatch(inside) is not None


def _choices(inside: str) -> "list[str] | _Numbers":
    found = RANGE.fullmatch(inside)
    if found:
        return _Numbers(found[1], found[2])
    return inside.split(",") if _is_pattern(inside) else [f"{{{inside}}}"]


class _Numbers:
    """The numbers of a range as texts. Its length is known before any of them is made."""

    def __init__(self, first: str, last: str) -> None:
        is_padded = any(len(end) > 1 and end.startswith("0") for end in (first, last))
        self._width = max(len(first), len(last)) if is_padded else 0
        step = 1 if int(first) <= int(last) else -1
        self._numbers = range(int(first), int(last) + step, step)

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[str]:
        return (str(number).zfill(self._width) for number in self._numbers)
