"""The versions of a LanceDB table on the disk: which one can be read, and what is whole in it.

A table is a folder. Each commit adds a manifest to `_versions`, which names the files in `data` and
`_deletions` that the version consists of. No file is changed once it is written. After a power cut the
newest manifest may be empty, or may name files that are missing or cut off. LanceDB then opens nothing,
although the version before is whole. `recover` finds what can still be read: the newest whole version,
or the whole files of a newer one where those hold more rows. `view` shows it without writing to the
table, and `mend` makes it the table's newest version.

Of the manifest format (protobuf, https://lance.org/format/table) only the parts are read that name files.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from phosphene.files import write_whole

MAGIC = b"LANC"  # a whole manifest, data file or index file ends in it
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
    """A file that a version names, and its size in bytes where the version says it (else 0)."""

    path: Path
    size: int = 0

    @property
    def whole(self) -> bool:
        """Whether the file is there, of the right size, and ends as it should."""
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
    """Rows that were written together: their files, and the bytes that describe them in the manifest."""

    rows: int
    parts: tuple[VersionFile, ...]
    described: bytes = field(repr=False)

    @property
    def whole(self) -> bool:
        """Whether all of its files are whole."""
        return all(part.whole for part in self.parts)


@dataclass(frozen=True, slots=True)
class Version:
    """A manifest that can be read, and what it names."""

    manifest: Path
    content: bytes = field(repr=False)
    fragments: tuple[Fragment, ...]

    @classmethod
    def read(cls, manifest: Path) -> "Version | None":
        """The version of a manifest; None where the file is cut off, empty or damaged."""
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
        """The manifest of the same version with only these of its fragments."""
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
    """What can be read of a table: a version, those of its fragments that are whole, or neither."""

    table: Path
    version: Version | None
    kept: tuple[Fragment, ...] = ()
    newer: tuple[Path, ...] = ()  # manifests that are newer, and not used
    indexed: bool = True  # whether the files of its index are whole

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
    """What can be read of a table. A version that another process has just replaced is looked up again."""
    while True:
        manifests = _manifests(table)
        found = _best(table, manifests)
        if found.whole or manifests == _manifests(table):
            return found


def view(found: Recovered, folder: Path) -> None:
    """Make a table in `folder` that shows what was recovered: links to its files, and a manifest."""
    assert found.version is not None, "there is something to show"
    shown = folder / found.table.name
    (shown / "_versions").mkdir(parents=True)
    for name in ("data", "_deletions", "_indices"):
        (shown / name).symlink_to((found.table / name).absolute(), target_is_directory=True)
    (shown / "_versions" / found.version.manifest.name).write_bytes(found.version.only(found.kept))


def mend(found: Recovered, aside: Path) -> None:
    """Make what was recovered the newest version of the table; move what cannot be used to `aside`.

    After each step the same is recovered as before, so that a kill in between loses nothing.
    """
    assert found.version is not None, "there is something to keep"
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
    still = {path: _named(Version.read(path)) for path in older}
    for path, parts in still.items():
        if any(not part.whole for part in parts):
            _move(path, found.table, aside)
            named |= {part.path for part in parts} - kept
        else:
            kept |= {part.path for part in parts}
    for path in sorted(named - kept):
        if path.exists():
            _move(path, found.table, aside)


def _best(table: Path, manifests: list[Path]) -> Recovered:
    """The newest whole version, or the part of a newer one that holds more rows."""
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
    """The newest first: Lance names a manifest by 2⁶⁴ - 1 minus its version, in 20 digits."""
    return sorted((table / "_versions").glob("*.manifest"))


def _index_is_whole(table: Path) -> bool:
    return all(VersionFile(path).whole for path in table.glob("_indices/*/*"))


def _unmarked(path: Path) -> bool:
    return path.parent.name == "_deletions"  # Arrow's or Roaring's format, not Lance's


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


# ── the manifest's bytes ──────────────────────────────────────────────────────────────────


def _message(content: bytes) -> tuple[int, int]:
    """Where the manifest's message starts and ends. Raises ValueError where the file is not whole."""
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
    """The value of a number field; 0 where it is left out, as protobuf does with zeros."""
    return next((value for name, value, _ in fields if name == key and isinstance(value, int)), 0)


def _name(fields: list[Field], key: int) -> str:
    """The name of a file. Raises ValueError for one that leads elsewhere: a stranger may have written it."""
    texts = (value for name, value, _ in fields if name == key and isinstance(value, bytes))
    text = os.fsdecode(next(texts, b""))
    if text in ("", ".", "..") or set(text) & set("/\\\0"):
        raise ValueError("no name of a file")
    return text


def _fields(message: int | bytes) -> Iterator[Field]:
    """The fields of a protobuf message. Raises ValueError or IndexError where it is none."""
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
    """A number of 7 bits a byte, the lowest first, and the place behind it."""
    value = shift = 0
    while True:
        byte, place = message[place], place + 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, place
