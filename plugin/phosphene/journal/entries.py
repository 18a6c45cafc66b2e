"""Converting pictures to rows of the journal's tables and back. A stranger may have written the rows."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phosphene.fields import NONE, Fields, fields_of, known
from phosphene.metadata import NOTHING, Metadata, merged

STAMP_OF_FILE = re.compile("(0|[1-9][0-9]*)-(0|[1-9][0-9]*)")  # size and time of change


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture that was added: its stamp at that time (see `sources.Item`), its image, and its metadata.

    The captions and the fields are those of its source, and `inside` is what its file says itself. They are
    kept apart, because the source may change without the file. The stamp is empty if the entry was made from
    the store. The picture must then be read again.
    """

    uri: str
    stamp: str
    id: str
    captions: tuple[str, ...] = ()
    fields: Fields = NONE
    inside: Metadata = NOTHING

    @property
    def metadata(self) -> Metadata:
        """What the source and the file say together. The source counts more."""
        return merged([Metadata(self.fields, self.captions), self.inside])

    @property
    def row(self) -> tuple[object, ...]:
        """The picture as a row of the table `files`."""
        return self.uri, *_columns(self.stamp), self.id, self._text()

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Seen":
        """The picture of a row."""
        uri, size, mtime_ns, id, text = row
        given, inside = _told(text)
        return cls(uri, _stamp(size, mtime_ns), id, given.captions, given.fields, inside)

    def _text(self) -> str:
        """The column `captions`: a list, as all versions wrote it, or an object if there is more to keep."""
        if self.fields == NONE and self.inside == NOTHING:
            return json.dumps(self.captions)
        told = _object(Metadata(self.fields, self.captions))
        return json.dumps({**told, "inside": _object(self.inside)} if self.inside != NOTHING else told)


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


def _object(metadata: Metadata) -> dict[str, Any]:
    return {"captions": metadata.captions, "fields": known(metadata.fields)}


def _told(text: object) -> tuple[Metadata, Metadata]:
    """What the source and the file said, or nothing if another program wrote something else there."""
    try:
        told = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return NOTHING, NOTHING
    if isinstance(told, list):
        return Metadata(captions=_texts(told)), NOTHING
    return _metadata(told), _metadata(told.get("inside") if isinstance(told, Mapping) else None)


def _metadata(told: object) -> Metadata:
    if not isinstance(told, Mapping):
        return NOTHING
    fields = told.get("fields")
    return Metadata(fields_of(fields) if isinstance(fields, Mapping) else NONE, _texts(told.get("captions")))


def _texts(value: object) -> tuple[str, ...]:
    return tuple(text for text in value if isinstance(text, str)) if isinstance(value, list) else ()
