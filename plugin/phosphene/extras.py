"""Extras: optional packages that only some commands need.

    pip install 'phosphene[serve]'

`pyproject.toml` says which packages an extra installs; a test compares it with `MODULES`.
"""

from collections.abc import Mapping
from importlib.util import find_spec

from phosphene.errors import MissingExtraError

# The modules that phosphene imports from the packages of each extra.
MODULES: Mapping[str, tuple[str, ...]] = {
    "serve": ("fastapi", "h11", "prometheus_client", "pydantic_core", "starlette", "uvicorn"),
    "explore": ("sklearn",),
    "gguf": ("gguf",),
    "heic": ("pillow_heif",),
    "jxl": ("pillow_jxl",),
    "raw": ("rawpy",),
    "peft": ("peft",),
    "ray": ("ray",),
    "testing": ("pytest",),
    "train": ("peft", "timm"),
}


def missing(extra: str) -> list[str]:
    """The modules of an extra that are not installed. Imports none of them."""
    return [name for name in MODULES[extra] if find_spec(name) is None]


def require(extra: str) -> None:
    """Raise MissingExtraError unless all packages of an extra are installed."""
    absent = missing(extra)
    if absent:
        raise MissingExtraError(
            f"The packages of the extra `{extra}` are not installed. These are missing: {', '.join(absent)}.",
            hint=how_to_install(extra),
        )


def how_to_install(extra: str) -> str:
    """The command that installs an extra, for each tool that may have installed phosphene."""
    package = f"'phosphene[{extra}]'"
    return (
        f"run `pip install {package}`; if uv or pipx installed phosphene,"
        f" run `uv tool install {package}` or `pipx install --force {package}`"
    )
