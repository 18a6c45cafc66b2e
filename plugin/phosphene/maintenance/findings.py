"""Findings of a check: what is wrong with a library."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

LibraryPart = Literal["manifest", "store", "image", "thumbnail", "journal", "file", "picture", "left over"]

MAX_NAMED = 3  # ids or paths that the message of a finding names


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, in a sentence, and all ids or paths that it concerns."""

    part: LibraryPart
    message: str
    about: tuple[str, ...] = ()


def about_images(part: LibraryPart, reason: str, about: Sequence[str]) -> Finding:
    """The finding that something is wrong with images. `reason` is its predicate: `These images REASON`."""
    return Finding(part, f"These images {reason} ({len(about):,}): {listed(about)}.", tuple(about))


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more
