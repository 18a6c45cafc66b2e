"""What the user prefers for each library, kept on this machine.

It lies in the user's own folder and not in the library. A library may come from somebody else, and nothing in
it may choose which model is loaded.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from phosphene.config import home
from phosphene.errors import PhospheneError, listed
from phosphene.files import write_whole


@dataclass(frozen=True, slots=True)
class Preferences:
    """The preferences for one library. None stands for the default."""

    generator: str | None = None  # the one that is used if none is named


KEYS = tuple(each.name for each in fields(Preferences))


def preferences_for(library: str) -> Preferences:
    """The preferences for the library with this URL or path, as `Location.url` has it."""
    kept = _read().get(library)
    texts = kept if isinstance(kept, dict) else {}
    return Preferences(**{key: value for key, value in texts.items() if key in KEYS and _is_text(value)})


def check(key: str | None) -> None:
    """Raise PhospheneError for an unknown key. None stands for all of them."""
    if key is not None and key not in KEYS:
        raise PhospheneError(f"There is no setting `{key}`.", hint=f"use one of {listed(KEYS)}")


def prefer(library: str, key: str, value: str | None) -> None:
    """Keep a preference for a library; None removes it.

    Raises PhospheneError for an unknown key, or if the file cannot be written.
    """
    check(key)
    kept = asdict(preferences_for(library)) | {key: value}
    given = {name: text for name, text in kept.items() if text is not None}
    everything = {name: texts for name, texts in _read().items() if name != library}
    content = everything | ({library: given} if given else {})
    write_whole(_file(), json.dumps(content, indent=1).encode())


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _read() -> dict[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        content = json.loads(_file().read_bytes())
        return content if isinstance(content, dict) else {}
    return {}


def _file() -> Path:
    return home() / "preferences.json"
