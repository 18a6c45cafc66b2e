"""Converting pictures to rows of the journal's tables and back. A stranger may have written the rows."""

import json
import re
from dataclasses import dataclass
from typing import Any

STAMP_OF_FILE = re.compile("(0|[1-9][0-9]*)-(0|[1-9][0-9]*)")  # size and time of change


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture that was added: its stamp at that time (see `sources.Item`), its image and its captions.

    The stamp is empty if the entry was made from the store. The picture must then be read again.
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
    """A picture that could not be added, and why. It has no stamp if it could not even be read."""

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
    """A stamp as the columns `size` and `mtime_ns`, which older versions made for the stamps of files.

    Any other stamp is a text in the second column. So the tables of all versions are the same, and a
    read-only journal needs no migration.
    """
    if not stamp:
        return -1, -1
    found = STAMP_OF_FILE.fullmatch(stamp)
    if found and max(numbers := (int(found[1]), int(found[2]))) < 2**63:
        return numbers
    return 0, f"={stamp}"  # the sign prevents SQLite from converting it to a number


def _stamp(size: object, changed: object) -> str:
    """The stamp in two columns. It is empty if they hold none, so that the picture is read again."""
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
