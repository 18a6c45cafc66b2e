"""Where things lie on this machine, as the environment says. Secrets are in `keys`."""

import os
from pathlib import Path

from platformdirs import user_data_path

from phosphene.errors import PhospheneError

OFFLINE = "HF_HUB_OFFLINE"


def home() -> Path:
    """The folder for models, and for the pictures of libraries on servers. `PHOSPHENE_HOME` moves it."""
    named = os.environ.get("PHOSPHENE_HOME")
    if named:
        return expanded(named)
    try:
        return user_data_path("phosphene", appauthor=False)
    except RuntimeError as error:
        raise PhospheneError(
            "The folder for libraries and models is unknown, as neither HOME nor PHOSPHENE_HOME is set.",
            hint="set HOME or PHOSPHENE_HOME, or name a library with `-L`",
        ) from error


def expanded(place: str | Path) -> Path:
    """The path with `~` replaced by the user's folder. Raises PhospheneError if that folder is not known."""
    try:
        return Path(place).expanduser()
    except RuntimeError as error:
        raise PhospheneError(
            f"The home folder in `{place}` is not known.", hint="write the whole path, or set HOME"
        ) from error


def default_library() -> str:
    """The library of a command without `-L`: `PHOSPHENE_LIBRARY`, or one in the home folder."""
    return os.environ.get("PHOSPHENE_LIBRARY") or str(home() / "library")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hub_cache() -> Path | None:
    """The folder for models from the Hugging Face hub, or None for the hub's own cache.

    Other tools share the hub's own cache. It is used unless only `PHOSPHENE_HOME` is set.
    """
    shared = {"HF_HOME", "HF_HUB_CACHE"} & set(os.environ)
    return None if shared or "PHOSPHENE_HOME" not in os.environ else home() / "models"


def offline() -> bool:
    """Whether the network must not be used: `--offline`, or the variable that all tools of the hub read."""
    return os.environ.get(OFFLINE, "").lower() in ("1", "on", "yes", "true")
