"""The vectors of texts that were searched for, so that a repeated search loads no model."""

from hashlib import sha256

import numpy as np

from phosphene.errors import PhospheneError
from phosphene.journal.database import Database
from phosphene.journal.sqlite import DamagedDatabase
from phosphene.vectors import Vector

MAX_TEXTS = 4096  # vectors that are kept; the oldest are deleted first


class TextVectors:
    """The kept vectors. A search goes on if the database is damaged or cannot be written."""

    def __init__(self, database: Database, *, limit: int = MAX_TEXTS) -> None:
        self._database = database
        self._limit = limit

    def get(self, text: str, space: str) -> Vector | None:
        """The kept vector (d,) of a text in a space, which is named by its id, or None."""
        try:
            rows = self._database.rows("SELECT vector FROM texts WHERE key = ?", (_key(text, space),))
        except DamagedDatabase:
            return None
        return _floats(rows[0][0]) if rows else None

    def keep(self, text: str, space: str, vector: Vector) -> None:
        """Keep the vector (d,) of a text."""
        row = (_key(text, space), np.asarray(vector, dtype="<f4").tobytes())
        try:
            with self._database.transaction() as database:
                database.execute("INSERT OR REPLACE INTO texts (key, vector) VALUES (?, ?)", row)
                oldest = "SELECT max(number) - ? FROM texts"
                database.execute(f"DELETE FROM texts WHERE number <= ({oldest})", (self._limit,))
        except PhospheneError:
            return


def _floats(content: object) -> Vector | None:
    """The vector (d,) of a row, or None if the row holds no vector, so that the text is embedded again."""
    if not isinstance(content, bytes) or not content or len(content) % 4:
        return None
    vector = np.frombuffer(content, dtype="<f4").astype(np.float32)
    return vector if np.isfinite(vector).all() and vector.any() else None


def _key(text: str, space: str) -> bytes:
    """The digest by which a text is found, because texts may be long, private, and not valid Unicode."""
    return sha256(f"{space}\0{text}".encode("utf-8", "surrogatepass")).digest()
