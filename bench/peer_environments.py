"""The environments of phosphene's peers, each made once by pip in its own folder, and what they weigh."""

import subprocess
import sys
import venv
from pathlib import Path

# clip-retrieval imports `pkg_resources.packaging`, which newer versions of setuptools do not have.
PACKAGES = {"rclip": ["rclip"], "clip-retrieval": ["clip-retrieval", "setuptools<70"]}
MEGABYTE = 1_000_000


def python_of(name: str, folder: Path) -> Path:
    """The interpreter of a peer's environment, which is made first if it is not there."""
    place = folder / name
    python = place / "bin" / "python"
    if not (place / "complete").exists():
        install(place, PACKAGES[name])
        (place / "complete").touch()
    return python


def install(place: Path, packages: list[str]) -> Path:
    """Make an environment with some packages, and return its folder of packages."""
    venv.create(place, with_pip=True, clear=True)
    python = place / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return packages_in(place)


def packages_in(place: Path) -> Path:
    """The folder of an environment's packages."""
    return place / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def version(python: Path, package: str) -> str:
    """The version of a package in the environment of an interpreter."""
    asked = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True).stdout.strip()


def weight(packages: Path) -> float:
    """The MB that an environment's packages take on the disk."""
    return sum(file.stat().st_size for file in packages.rglob("*") if file.is_file()) / MEGABYTE


def heaviest(packages: Path, count: int) -> dict[str, float]:
    """The folders of packages that weigh most, in MB."""
    weights = {folder.name: weight(folder) for folder in packages.iterdir() if folder.is_dir()}
    return dict(sorted(weights.items(), key=lambda item: -item[1])[:count])
