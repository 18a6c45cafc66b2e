"""Vectors that a model has made once and that are kept, so that the model is not needed again.

The journal keeps those of texts that were searched for, and those of neighbours in the space of a generator.
"""

from hashlib import sha256

import numpy as np

from phosphene.errors import PhospheneError
from phosphene.journal.database import Database
from phosphene.vectors import Vector

MAX_TEXTS = 4096  # vectors that are kept; the oldest are deleted first
MAX_PICTURES = 16_384  # 64 MiB of vectors of 1024 numbers
# The columns of the table `texts` in `MIGRATIONS`. Other tables are made with their first row and not by a
# migration, so that a read-only journal still opens.
COLUMNS = "(number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, vector BLOB NOT NULL)"


class KeptVectors:
    """The vectors in one table. The work goes on if the table is damaged or cannot be written."""

    def __init__(self, database: Database, table: str, *, limit: int) -> None:
        self._database = database
        self._table = table
        self._limit = limit

    def get(self, name: str, space: str) -> Vector | None:
        """The kept vector (d,) of a name in a space, which is named by its id, or None."""
        try:
            if not self._database.has(self._table):
                return None
            select = f"SELECT vector FROM {self._table} WHERE key = ?"
            rows = self._database.rows(select, (_key(name, space),))
        except PhospheneError:
            return None
        return _floats(rows[0][0]) if rows else None

    def keep(self, name: str, space: str, vector: Vector) -> None:
        """Keep the vector (d,) of a name."""
        row = (_key(name, space), np.asarray(vector, dtype="<f4").tobytes())
        table = self._table
        try:
            with self._database.transaction() as database:
                database.execute(f"CREATE TABLE IF NOT EXISTS {table} {COLUMNS}")
                database.execute(f"INSERT OR REPLACE INTO {table} (key, vector) VALUES (?, ?)", row)
                oldest = f"SELECT max(number) - ? FROM {table}"
                database.execute(f"DELETE FROM {table} WHERE number <= ({oldest})", (self._limit,))
        except PhospheneError:
            return


def _floats(content: object) -> Vector | None:
    """The vector (d,) of a row, or None if the row holds no vector, so that it is made again."""
    if not isinstance(content, bytes) or not content or len(content) % 4:
        return None
    vector = np.frombuffer(content, dtype="<f4").astype(np.float32)
    return vector if np.isfinite(vector).all() and vector.any() else None


def _key(name: str, space: str) -> bytes:
    """The digest by which a name is found, because texts may be long, private, and not valid Unicode."""
    return sha256(f"{space}\0{name}".encode("utf-8", "surrogatepass")).digest()
