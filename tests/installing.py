"""Installs the toy plugins of tests/plugins as a user installs packages."""

import subprocess
import sys
from pathlib import Path

from filelock import FileLock

PLUGINS = Path(__file__).parent / "plugins"


def install_plugins(folder: Path) -> Path:
    """Install every toy package into a folder. The first test process does it for all."""
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            packages = sorted(str(file.parent) for file in PLUGINS.glob("*/pyproject.toml"))
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            options = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(folder)]
            subprocess.run([*command, *options, *packages], check=True)
    return folder
