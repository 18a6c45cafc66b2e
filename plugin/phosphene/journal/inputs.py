"""The places of init images and masks, from which pictures were generated.

A recipe names such a file by the sha256 of its bytes, and not by its place.
"""

from phosphene.errors import PhospheneError
from phosphene.journal.database import Database

# The table is made with its first row and not by a migration, so that a read-only journal still opens.
TABLE = "CREATE TABLE IF NOT EXISTS starts (sha256 TEXT PRIMARY KEY, uri TEXT NOT NULL) WITHOUT ROWID"


class InputFiles:
    """The places of init images and masks, by the sha256 of their bytes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def remember(self, sha256: str, uri: str) -> None:
        """Remember the uri of a file. If that cannot be written, the picture is generated all the same."""
        try:
            with self._database.transaction() as database:
                database.execute(TABLE)
                database.execute("INSERT OR REPLACE INTO starts VALUES (?, ?)", (sha256, uri))
        except PhospheneError:
            return

    def uri(self, sha256: str) -> str | None:
        """The uri of the file with these bytes when a picture was last made from it, or None."""
        if not self._database.has("starts"):
            return None
        rows = self._database.rows("SELECT uri FROM starts WHERE sha256 = ?", (sha256,))
        return str(rows[0][0]) if rows else None
