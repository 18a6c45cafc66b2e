"""What can be read of a LanceDB table after a power cut, and how the table is mended.

The newest manifest may be empty, or may name files that are missing or cut off. LanceDB then refuses to open
the table, although the previous version is intact. `recover` finds what can still be read: the newest intact
version, or the intact files of a newer version if these hold more rows. `view` shows it without writing to
the table, and `mend` makes it the table's newest version.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from phosphene.files import write_whole
from phosphene.store.lance.versions import Fragment, Version, VersionFile


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
    """All manifests, newest first."""
    return sorted((table / "_versions").glob("*.manifest"))


def _index_is_whole(table: Path) -> bool:
    return all(VersionFile(path).whole for path in table.glob("_indices/*/*"))


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
