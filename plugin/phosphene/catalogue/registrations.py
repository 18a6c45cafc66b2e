"""The checkpoints that `phosphene models add` registered: `generators.json` in phosphene's home.

A checkpoint stays where it is. The file names its path, its family and its sha256.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from phosphene.config import home
from phosphene.errors import ModelError
from phosphene.files import write_whole


@dataclass(frozen=True, slots=True)
class Registered:
    """A checkpoint that lies on this machine, by reference."""

    name: str
    family: str  # the name of a row in `families.FAMILIES`
    path: Path  # absolute, a file or a folder
    sha256: str  # of the file, or of all weights in the folder


def registered() -> dict[str, Registered]:
    """All registered checkpoints by their names. Raises ModelError if the file is damaged."""
    file = _file()
    try:
        content = json.loads(file.read_bytes())
        return {name: _read(name, entry) for name, entry in content.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"`{file}`, the list of registered checkpoints, is damaged.",
            hint="move it away, and register your checkpoints again with `phosphene models add`",
        ) from error


def register(entry: Registered) -> None:
    """Add a checkpoint, or replace the one of this name."""
    with _changing() as entries:
        entries[entry.name] = entry


def forget(name: str) -> None:
    """Take a checkpoint out of the list. Its files stay."""
    with _changing() as entries:
        entries.pop(name, None)


@contextmanager
def _changing() -> Iterator[dict[str, Registered]]:
    """The entries, which are written when the block ends. Other processes wait for that."""
    home().mkdir(parents=True, exist_ok=True)
    with FileLock(_file().with_suffix(".lock")):
        entries = registered()
        yield entries
        content = {name: _written(entry) for name, entry in sorted(entries.items())}
        write_whole(_file(), json.dumps(content, indent=1).encode())


def _read(name: str, entry: Mapping[str, Any]) -> Registered:
    return Registered(name, str(entry["family"]), Path(entry["path"]), str(entry["sha256"]))


def _written(entry: Registered) -> dict[str, str]:
    return {key: str(value) for key, value in asdict(entry).items() if key != "name"}


def _file() -> Path:
    return home() / "generators.json"
