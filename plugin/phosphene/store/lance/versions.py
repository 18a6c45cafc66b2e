"""The versions of a LanceDB table on the disk: which can be read, and which of their files are intact.

A table is a folder. Each commit adds a manifest to `_versions`, which names the files in `data` and
`_deletions` that the version consists of. No file is changed after it was written. After a power cut, the
newest manifest may be empty, or may name files that are missing or cut off. LanceDB then refuses to open the
table, although the previous version is intact. `recover` finds what can still be read: the newest intact
version, or the intact files of a newer version if these hold more rows. `view` shows it without writing to
the table, and `mend` makes it the table's newest version.

Only those parts of the manifest format (protobuf, https://lance.org/format/table) are read that name files.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from phosphene.files import write_whole

MAGIC = b"LANC"  # the end of an intact manifest, data file or index file
FOOTER = 16  # bytes: position of the message (8), version of the format (4), MAGIC (4)
DELETIONS = {0: "arrow", 1: "bin"}  # the endings of deletion files, by their type
# The fields of the messages Manifest, DataFragment, DataFile and DeletionFile that are read here.
FRAGMENTS = 2
FRAGMENT_ID, FRAGMENT_FILES, FRAGMENT_DELETIONS, FRAGMENT_ROWS = 1, 2, 3, 4
FILE_PATH, FILE_BYTES = 1, 6
DELETIONS_TYPE, DELETIONS_VERSION, DELETIONS_ID, DELETIONS_ROWS = 1, 2, 3, 4

Field = tuple[int, int | bytes, bytes]  # number, value, and the bytes that encode both


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


@dataclass(frozen=True, slots=True)
class Recovered:
    """The readable part of a table: a version and its intact fragments, or nothing."""

    table: Path
    version: Version | None
    kept: tuple[Fragment, ...] = ()
    newer: tuple[Path, ...] = ()  # newer manifests, which are not used
    indexed: bool = True  # whether the files of its index are intact

    @property
    def clean(self) -> bool:
        """Whether nothing is damaged, and LanceDB can open the table as it is."""
        return self.whole and self.indexed

    @property
    def whole(self) -> bool:
        """Whether all rows of the newest version can be read."""
        return self.version is not None and not self.newer and self.kept == self.version.fragments

    @property
    def rows(self) -> int:
        """How many rows can be read."""
        return sum(fragment.rows for fragment in self.kept)


def recover(table: Path) -> Recovered:
    """Find the readable part of a table. If another process has just replaced a version, look again."""
    while True:
        manifests = _manifests(table)
        found = _best(table, manifests)
        if found.whole or manifests == _manifests(table):
            return found


def view(found: Recovered, folder: Path) -> None:
    """Make a table in `folder` that shows the readable part, with links to its files and a manifest."""
    assert found.version is not None, "only a readable table is shown"
    shown = folder / found.table.name
    (shown / "_versions").mkdir(parents=True)
    for name in ("data", "_deletions", "_indices"):
        (shown / name).symlink_to((found.table / name).absolute(), target_is_directory=True)
    (shown / "_versions" / found.version.manifest.name).write_bytes(found.version.only(found.kept))


def mend(found: Recovered, aside: Path) -> None:
    """Make the readable part the newest version of the table, and move all other files to `aside`.

    After each step, `recover` finds the same part, so that a kill between two steps loses nothing.
    """
    assert found.version is not None, "only a readable table is mended"
    unused = {path: Version.read(path) for path in found.newer}
    for path in found.newer:
        _move(path, found.table, aside)
    if found.kept != found.version.fragments:
        unused[found.version.manifest] = found.version
        _copy(found.version.manifest, found.table, aside)
        write_whole(found.version.manifest, found.version.only(found.kept))
    kept = {part.path for fragment in found.kept for part in fragment.parts}
    named = {part.path for version in unused.values() if version for part in _parts(version)} - kept
    older = [path for path in _manifests(found.table) if path != found.version.manifest]
    still_named = {path: _named(Version.read(path)) for path in older}
    for path, parts in still_named.items():
        if any(not part.whole for part in parts):
            _move(path, found.table, aside)
            named |= {part.path for part in parts} - kept
        else:
            kept |= {part.path for part in parts}
    for path in sorted(named - kept):
        if path.exists():
            _move(path, found.table, aside)


def _best(table: Path, manifests: list[Path]) -> Recovered:
    """The newest intact version, or the intact part of a newer one if that holds more rows."""
    best, indexed = Recovered(table, None, newer=tuple(manifests)), _index_is_whole(table)
    for place, manifest in enumerate(manifests):
        version = Version.read(manifest)
        if version is None:
            continue
        kept = tuple(fragment for fragment in version.fragments if fragment.whole)
        found = Recovered(table, version, kept, tuple(manifests[:place]), indexed)
        if best.version is None or found.rows > best.rows:
            best = found
        if kept == version.fragments:
            break
    return best


def _manifests(table: Path) -> list[Path]:
    """All manifests, newest first. The name of a manifest is 2⁶⁴ - 1 minus its version, in 20 digits."""
    return sorted((table / "_versions").glob("*.manifest"))


def _index_is_whole(table: Path) -> bool:
    return all(VersionFile(path).whole for path in table.glob("_indices/*/*"))


def _unmarked(path: Path) -> bool:
    return path.parent.name == "_deletions"  # these files have Arrow's or Roaring's format, not Lance's


def _named(version: Version | None) -> list[VersionFile]:
    return _parts(version) if version else []


def _parts(version: Version) -> list[VersionFile]:
    return [part for fragment in version.fragments for part in fragment.parts]


def _move(path: Path, table: Path, aside: Path) -> None:
    target = aside / table.name / path.relative_to(table)
    target.parent.mkdir(parents=True, exist_ok=True)
    path.rename(target)


def _copy(path: Path, table: Path, aside: Path) -> None:
    target = aside / table.name / path.relative_to(table)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


# ── the format of manifests ──────────────────────────────────────────────────────────────────


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
    return Fragment(_number(fields, FRAGMENT_ROWS) - deleted, tuple(parts), described)


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
