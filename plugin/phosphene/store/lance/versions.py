"""The versions of a LanceDB table on the disk, and the files that they consist of.

A table is a folder. Each commit adds a manifest to `_versions`, which names the files in `data` and
`_deletions` that the version consists of. No file is changed after it was written.

A manifest is a protobuf message (https://lance.org/format/table). Only the parts that name files are read.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

MAGIC = b"LANC"  # the end of an intact manifest, data file or index file
NEWEST = 2**64 - 1  # minus the number of a version is the name of its manifest, in 20 digits
FOOTER = 16  # bytes: position of the message (8), version of the format (4), MAGIC (4)
DELETIONS = {0: "arrow", 1: "bin"}  # the endings of deletion files, by their type
# The fields of the messages Manifest, DataFragment, DataFile and DeletionFile that are read here.
FRAGMENTS = 2
FRAGMENT_ID, FRAGMENT_FILES, FRAGMENT_DELETIONS, FRAGMENT_ROWS = 1, 2, 3, 4
FILE_PATH, FILE_BYTES = 1, 6
DELETIONS_TYPE, DELETIONS_VERSION, DELETIONS_ID, DELETIONS_ROWS = 1, 2, 3, 4

Field = tuple[int, int | bytes, bytes]  # number, value, and the bytes that encode both


def newest(table: Path) -> Path:
    """The manifest of the newest version. Raises FileNotFoundError if there is none."""
    with os.scandir(table / "_versions") as entries:
        names = [entry.name for entry in entries if entry.name.endswith(".manifest")]
    if not names:
        raise FileNotFoundError(f"there is no version in {table}")
    return table / "_versions" / min(names)


@dataclass(frozen=True, slots=True)
class VersionFile:
    """A file that a version names, and its size in bytes, or 0 if the version does not say it."""

    path: Path
    size: int = 0

    @property
    def whole(self) -> bool:
        """Whether the file exists, has the right size, and ends as it should."""
        try:
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(0, size - len(MAGIC)))
                end = file.read()
        except FileNotFoundError:
            return False
        return (not self.size or size == self.size) and size > 0 and (_unmarked(self.path) or end == MAGIC)


@dataclass(frozen=True, slots=True)
class Fragment:
    """Rows that were written together, their files, and the bytes that describe them in the manifest."""

    number: int
    rows: int
    parts: tuple[VersionFile, ...]
    described: bytes = field(repr=False)

    @property
    def whole(self) -> bool:
        """Whether all of its files are intact."""
        return all(part.whole for part in self.parts)


@dataclass(frozen=True, slots=True)
class Version:
    """A manifest that can be read, and the fragments that it names."""

    manifest: Path
    content: bytes = field(repr=False)
    fragments: tuple[Fragment, ...]

    @classmethod
    def read(cls, manifest: Path) -> "Version | None":
        """The version of a manifest, or None if the file is cut off, empty or damaged."""
        content = manifest.read_bytes()
        try:
            start, end = _message(content)
            fields = list(_fields(content[start:end]))
            table = manifest.parents[1]
            fragments = tuple(_fragment(value, raw, table) for key, value, raw in fields if key == FRAGMENTS)
        except (ValueError, LookupError):
            return None
        return cls(manifest, content, fragments)

    @property
    def number(self) -> int:
        """The number of the version, by which LanceDB opens it."""
        return NEWEST - int(self.manifest.stem)

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(fragment.rows for fragment in self.fragments)

    @property
    def files(self) -> dict[int, Path]:
        """The data file of each fragment, by the fragment's number. phosphene never adds a second one."""
        return {
            fragment.number: part.path
            for fragment in self.fragments
            for part in fragment.parts
            if part.path.parent.name == "data"
        }

    @property
    def digest(self) -> str:
        """What identifies the version. A repair may write other files under the same number."""
        return sha256(self.content).hexdigest()[:32]

    def only(self, kept: tuple[Fragment, ...]) -> bytes:
        """The bytes of a manifest with only these fragments of the version."""
        if kept == self.fragments:
            return self.content
        start, end = _message(self.content)
        left = [fragment.described for fragment in kept]
        body = b"".join(
            raw for key, _, raw in _fields(self.content[start:end]) if key != FRAGMENTS or raw in left
        )
        return self.content[: start - 4] + len(body).to_bytes(4, "little") + body + self.content[end:]


def _unmarked(path: Path) -> bool:
    return path.parent.name == "_deletions"  # these files have Arrow's or Roaring's format, not Lance's


def _message(content: bytes) -> tuple[int, int]:
    """Where the message in a manifest starts and ends. Raises ValueError if the file is not intact."""
    if len(content) < FOOTER or not content.endswith(MAGIC):
        raise ValueError("cut off")
    length = int.from_bytes(content[-FOOTER : 8 - FOOTER], "little")
    start = length + 4
    end = start + int.from_bytes(content[length:start], "little")
    if end > len(content) - FOOTER:
        raise ValueError("cut off")
    return start, end


def _fragment(message: int | bytes, described: bytes, table: Path) -> Fragment:
    fields = list(_fields(message))
    number = _number(fields, FRAGMENT_ID)
    parts, deleted = [], 0
    for key, value, _ in fields:
        if key == FRAGMENT_FILES:
            file = list(_fields(value))
            parts.append(VersionFile(table / "data" / _name(file, FILE_PATH), _number(file, FILE_BYTES)))
        elif key == FRAGMENT_DELETIONS:
            file = list(_fields(value))
            ending = DELETIONS[_number(file, DELETIONS_TYPE)]
            name = f"{number}-{_number(file, DELETIONS_VERSION)}-{_number(file, DELETIONS_ID)}.{ending}"
            parts.append(VersionFile(table / "_deletions" / name))
            deleted = _number(file, DELETIONS_ROWS)
    return Fragment(number, _number(fields, FRAGMENT_ROWS) - deleted, tuple(parts), described)


def _number(fields: list[Field], key: int) -> int:
    """The value of a number field. protobuf leaves zeros out."""
    return next((value for name, value, _ in fields if name == key and isinstance(value, int)), 0)


def _name(fields: list[Field], key: int) -> str:
    """The name of a file. A stranger may have written it, so it raises ValueError for a path."""
    texts = (value for name, value, _ in fields if name == key and isinstance(value, bytes))
    text = os.fsdecode(next(texts, b""))
    if text in ("", ".", "..") or set(text) & set("/\\\0"):
        raise ValueError("not the name of a file")
    return text


def _fields(message: int | bytes) -> Iterator[Field]:
    """The fields of a protobuf message. Raises ValueError or IndexError if it is not a message."""
    if isinstance(message, int):
        raise ValueError("a number, not a message")
    place = 0
    while place < len(message):
        start = place
        tag, place = _varint(message, place)
        value: int | bytes
        if tag & 7 == 0:
            value, place = _varint(message, place)
        else:
            length, place = _varint(message, place) if tag & 7 == 2 else ({1: 8, 5: 4}.get(tag & 7, 0), place)
            value, place = message[place : place + length], place + length
        if place > len(message):
            raise ValueError("cut off")
        yield tag >> 3, value, message[start:place]


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """A number with 7 bits in each byte, lowest first, and the position after it."""
    value = shift = 0
    while True:
        byte, place = message[place], place + 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, place
