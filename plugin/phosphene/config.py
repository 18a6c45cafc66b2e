"""Where things lie on this machine: from the environment; secrets are in `keys`."""

import os
from pathlib import Path

from platformdirs import user_data_path

from phosphene.errors import PhospheneError


def home() -> Path:
    """The folder of models and of URL libraries' pictures; `PHOSPHENE_HOME` moves it."""
    named = os.environ.get("PHOSPHENE_HOME")
    if named:
        return expanded(named)
    try:
        return user_data_path("phosphene", appauthor=False)
    except RuntimeError as error:
        raise PhospheneError(
            "your home folder is not known, nor PHOSPHENE_HOME, where libraries and models are kept",
            hint="set HOME or PHOSPHENE_HOME, or name a library by `-L`",
        ) from error


def expanded(place: str | Path) -> Path:
    """A path whose `~` is the user's folder. Raises PhospheneError where nobody knows that folder."""
    try:
        return Path(place).expanduser()
    except RuntimeError as error:
        raise PhospheneError(
            f"the home folder in `{place}` is not known", hint="write the whole path, or set HOME"
        ) from error


def default_library() -> str:
    """The library of a command without `-L`: `PHOSPHENE_LIBRARY`, or one in the home folder."""
    return os.environ.get("PHOSPHENE_LIBRARY") or str(home() / "library")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hub_cache() -> Path | None:
    """Where models from the hub are kept; None for the hub's own place, which other tools share.

    That is `HF_HOME` or its default, unless only `PHOSPHENE_HOME` is set.
    """
    shared = {"HF_HOME", "HF_HUB_CACHE"} & set(os.environ)
    return None if shared or "PHOSPHENE_HOME" not in os.environ else home() / "models"
