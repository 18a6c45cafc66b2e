"""Pictures as rows of the journal's tables, and back. Rows may have been written by a stranger."""

import json
import re
from dataclasses import dataclass
from typing import Any

STAMP_OF_FILE = re.compile("(0|[1-9][0-9]*)-(0|[1-9][0-9]*)")  # size and time of change


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture as it was when it was added: its stamp (see `sources.Item`), its image and its captions.

    An empty stamp says that the picture must be looked at again, because it was noted from the store.
    """

    uri: str
    stamp: str
    id: str
    captions: tuple[str, ...] = ()

    @property
    def row(self) -> tuple[object, ...]:
        """The picture as a row of the table `files`."""
        return self.uri, *_columns(self.stamp), self.id, json.dumps(self.captions)

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Seen":
        """The picture of a row."""
        uri, size, mtime_ns, id, captions = row
        return cls(uri, _stamp(size, mtime_ns), id, _captions(captions))


@dataclass(frozen=True, slots=True)
class Refused:
    """A picture that could not be added, and why. One that could not even be read has no stamp."""

    uri: str
    stamp: str
    reason: str

    @property
    def row(self) -> tuple[object, ...]:
        """The picture as a row of the table `refused`."""
        return self.uri, *_columns(self.stamp), self.reason

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Refused":
        """The picture of a row."""
        uri, size, mtime_ns, reason = row
        return cls(uri, _stamp(size, mtime_ns), reason)


def _columns(stamp: str) -> tuple[int, int | str]:
    """A stamp in the two columns `size` and `mtime_ns`, which were made for the stamps of files.

    Other stamps are texts in the second column. This way the journals of all versions are alike, and one that
    may only be read needs no migration.
    """
    if not stamp:
        return -1, -1
    found = STAMP_OF_FILE.fullmatch(stamp)
    if found and max(numbers := (int(found[1]), int(found[2]))) < 2**63:
        return numbers
    return 0, f"={stamp}"  # the sign keeps SQLite from reading it as a number


def _stamp(size: object, changed: object) -> str:
    """The stamp in two columns. It is empty if they hold none, so that the picture is looked at again."""
    if isinstance(changed, str):
        return changed.removeprefix("=")
    is_file = isinstance(size, int) and isinstance(changed, int) and size >= 0
    return f"{size}-{changed}" if is_file else ""


def _captions(text: object) -> tuple[str, ...]:
    """The captions of a row, or none if another program wrote something else there."""
    try:
        captions = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return ()
    listed = captions if isinstance(captions, list) else []
    return tuple(caption for caption in listed if isinstance(caption, str))
