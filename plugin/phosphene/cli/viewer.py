"""Opening a picture with the system's own viewer."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from phosphene.errors import OutputError


def check_viewer() -> None:
    """Raise OutputError if this system has no viewer, before any work is done."""
    if _program() is None and sys.platform != "win32":
        raise OutputError(
            "There is no viewer here that could open a picture, because this system has no desktop.",
            hint="use `--preview` to see pictures here, or `--copy-to FOLDER` to take them elsewhere",
        )


def open_in_viewer(path: Path) -> None:
    """Open a picture. A file that is not named like one is refused: the system might run it."""
    from phosphene.sources import ENDINGS

    if path.suffix.lower() not in ENDINGS:
        raise OutputError(f"`{path}` is not opened, because it is not named like a picture.")
    if sys.platform == "win32":
        os.startfile(path)
    elif program := _program():
        subprocess.Popen([program, str(path.absolute())], stderr=subprocess.DEVNULL, start_new_session=True)


def _program() -> str | None:
    if sys.platform == "darwin":
        return shutil.which("open")
    has_desktop = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return shutil.which("xdg-open") if has_desktop else None
