"""Queries that a user saved under a name, in a file beside the library."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from phosphene.errors import QueryError, listed
from phosphene.files import write_whole

NAME = re.compile(r"[\w-]{1,64}")
NAMED = re.compile(r"(?<!\S)@([\w-]{1,64})(?!\S)")
LARGEST = 2**20  # bytes of the file, which may come from somebody else


@dataclass(frozen=True, slots=True)
class SavedQueries:
    """The saved queries of the library in a folder."""

    folder: Path

    def all(self) -> Mapping[str, str]:
        """The queries by their names. Whatever else the file holds is passed over."""
        with suppress(OSError, ValueError, RecursionError):
            if self._file.stat().st_size <= LARGEST:
                found = json.loads(self._file.read_bytes())
                items = found.items() if isinstance(found, dict) else ()
                return {name: text for name, text in items if isinstance(text, str)}
        return {}

    def save(self, name: str, text: str) -> None:
        """Keep a query under a name, in place of another one of that name."""
        if not NAME.fullmatch(name):
            raise QueryError(f"`{name}` cannot be a name.", hint="use letters, digits, `-` and `_`")
        self._write({**self.all(), name: text})

    def forget(self, name: str) -> None:
        """Remove a query. Raises QueryError if there is none of that name."""
        self.named(name)
        self._write({each: text for each, text in self.all().items() if each != name})

    def named(self, name: str) -> str:
        """The query of a name. Raises QueryError if there is none."""
        saved = self.all()
        if name not in saved:
            known = f"saved are {listed(f'@{each}' for each in saved)}" if saved else "none is saved yet"
            raise QueryError(
                f"There is no saved query `@{name}`.", hint=f"{known}; save one with `search … --save NAME`"
            )
        return saved[name]

    def expanded(self, text: str) -> str:
        """The text of a query with saved queries in the places of their names, such as `@beach`."""
        return NAMED.sub(lambda found: self.named(found[1]), text)

    @property
    def _file(self) -> Path:
        return self.folder / "queries.json"

    def _write(self, queries: Mapping[str, str]) -> None:
        write_whole(self._file, json.dumps(queries, indent=1).encode())
