"""The journal: which pictures were added, which image each one is, and which could not be added.

It is one SQLite file in the library's folder, and a cache: the store decides what a library holds. A journal
that is lost or damaged is filled again from the store. Then every file is read once more, and none is
embedded again.

Pictures are named by their uris: absolute paths, or paths relative to the library's folder, see
`sources.to_uri`.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from phosphene.journal.database import Database
from phosphene.journal.entries import Refused, Seen
from phosphene.journal.inputs import InputFiles
from phosphene.journal.kept_vectors import MAX_PICTURES, MAX_TEXTS, KeptVectors
from phosphene.records import Failure

__all__ = ["Journal", "Refused", "Seen"]

MANY = "(SELECT value FROM json_each(?))"  # any number of values as one parameter
# The table is made with its first row and not by a migration, so that a read-only journal still opens.
REMOVED = "CREATE TABLE IF NOT EXISTS removed (id TEXT PRIMARY KEY) WITHOUT ROWID"


class Journal:
    """The journal of one library. It is changed in short transactions, which a kill leaves done or not done.

    `texts` are the vectors of texts that were searched for, `spellings` the shares of them that a model
    spells and knows, `pictures` those of neighbours that a generator
    embedded again, and `inputs` the places of init images and masks. `Database` describes damage, read-only
    files and errors.
    """

    def __init__(self, path: Path, *, writing: bool = True) -> None:
        self._database = Database(path, writing=writing)
        self.texts = KeptVectors(self._database, "texts", limit=MAX_TEXTS)
        self.spellings = KeptVectors(self._database, "spellings", limit=MAX_TEXTS)
        self.pictures = KeptVectors(self._database, "pictures", limit=MAX_PICTURES)
        self.inputs = InputFiles(self._database)

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    @property
    def folder(self) -> Path:
        """The library's folder, to which relative uris are relative."""
        return self.path.parent

    @property
    def damaged(self) -> bool:
        """Whether the file is damaged, so that an empty journal in memory stands for it."""
        return self._database.damaged

    def problems(self) -> list[str]:
        """The problems of the file. The list is empty if it is intact."""
        return self._database.problems()

    def restart(self) -> Path:
        """Move a damaged file aside and begin with an empty one. Returns where the old file is now."""
        return self._database.restart()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # ── what was added ────────────────────────────────────────────────────────────────────

    def known(self, uris: Iterable[str]) -> dict[str, Seen]:
        """The pictures with these uris that were added, by uri."""
        rows = self._database.rows(f"SELECT * FROM files WHERE uri IN {MANY}", _many(uris))
        return {row[0]: Seen.of(row) for row in rows}

    def places(self, ids: Iterable[str]) -> dict[str, list[Seen]]:
        """The pictures of these images, by the id of the image and in the order of their uris."""
        places: dict[str, list[Seen]] = {}
        for row in self._database.rows(f"SELECT * FROM files WHERE id IN {MANY} ORDER BY uri", _many(ids)):
            places.setdefault(row[3], []).append(Seen.of(row))
        return places

    def holds(self, id: str) -> bool:
        """Whether a picture of this image was added."""
        return bool(self._database.rows("SELECT 1 FROM files WHERE id = ? LIMIT 1", (id,)))

    def ids(self) -> set[str]:
        """The ids of the images of all pictures that were added."""
        return {row[0] for row in self._database.rows("SELECT DISTINCT id FROM files")}

    def files(self) -> list[Seen]:
        """All pictures that were added."""
        return [Seen.of(row) for row in self._database.rows("SELECT * FROM files ORDER BY uri")]

    def record(self, seen: Iterable[Seen], refused: Iterable[Refused] = ()) -> None:
        """Record a batch of pictures that were added or refused, all of them or none.

        A refused picture with a stamp has changed. It does not belong to its former image any more.
        """
        added = [each.row for each in seen]
        failed = list(refused)
        with self._database.transaction() as database:
            database.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", added)
            database.executemany("DELETE FROM refused WHERE uri = ?", [row[:1] for row in added])
            database.executemany(
                "INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?)", [each.row for each in failed]
            )
            database.executemany(
                "DELETE FROM files WHERE uri = ?", [(each.uri,) for each in failed if each.stamp]
            )

    def forget(self, ids: Iterable[str]) -> None:
        """Forget the pictures of these images, so that adding them again embeds them again."""
        with self._database.transaction() as database:
            database.execute(f"DELETE FROM files WHERE id IN {MANY}", _many(ids))

    # ── what could not be added ───────────────────────────────────────────────────────────

    def refused(self, uris: Iterable[str]) -> dict[str, Refused]:
        """The pictures with these uris that were refused, by uri."""
        rows = self._database.rows(f"SELECT * FROM refused WHERE uri IN {MANY}", _many(uris))
        return {row[0]: Refused.of(row) for row in rows}

    def failures(self) -> list[Failure]:
        """All pictures that could not be added, with the reasons."""
        rows = self._database.rows("SELECT uri, reason FROM refused ORDER BY uri")
        return [Failure(*row) for row in rows]

    # ── what was removed ──────────────────────────────────────────────────────────────────

    def remove(self, ids: Iterable[str]) -> None:
        """Forget the pictures of these images, and remember that the user removed them."""
        named = _many(ids)
        with self._database.transaction() as database:
            database.execute(REMOVED)
            database.execute(f"DELETE FROM files WHERE id IN {MANY}", named)
            database.execute(f"INSERT OR IGNORE INTO removed {MANY[1:-1]}", named)

    def removed(self) -> set[str]:
        """The images that the user removed and has not added again."""
        if not self._database.has("removed"):
            return set()
        return {row[0] for row in self._database.rows("SELECT id FROM removed")}

    def take_back(self, ids: Iterable[str]) -> None:
        """Record that images which the user had removed are in the library again."""
        if back := self.removed() & set(ids):
            with self._database.transaction() as database:
                database.execute(f"DELETE FROM removed WHERE id IN {MANY}", _many(back))


def _many(values: Iterable[str]) -> tuple[str]:
    return (json.dumps(list(values)),)
