"""Checks the settings of components, because a stranger may have made their files."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from phosphene.errors import ModelError

# Settings that would name code or other files. diffusers' and transformers' own notes begin with `_`.
NAMING_CODE = ("auto_map", "implementation", "custom_pipelines", "trust_remote_code")
MOST_LAYERS, LARGEST, LONGEST, DEEPEST = 1024, 10_000_000, 4096, 4  # no known checkpoint comes near them


def checked(config: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """The settings of a network or a scheduler, without those that name code.

    Raises ModelError for values that no network has, because building one of them could take forever.
    """
    if config.get("quantization_config"):
        raise ModelError(
            f"`{file}` is of a quantised network, and phosphene reads none.",
            hint="get the checkpoint in half or full precision",
        )
    kept = {
        key: value
        for key, value in config.items()
        if not key.startswith("_") and not any(word in key for word in NAMING_CODE)
    }
    for key, value in _leaves(kept):
        if not _bounded(key, value):
            raise ModelError(
                f"`{file}` has an odd value of `{key[:80]}`: {ascii(value)[:80]}.",
                hint="download the checkpoint again",
            )
    return kept


def _leaves(value: Any, key: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """All numbers and texts in settings, with the nearest key. What lies too deep is a leaf as a whole."""
    if depth < DEEPEST and isinstance(value, dict):
        for name, each in value.items():
            yield from _leaves(each, str(name), depth + 1)
    elif depth < DEEPEST and isinstance(value, list) and len(value) <= LONGEST:
        for each in value:
            yield from _leaves(each, key, depth + 1)
    else:
        yield key, value


def _bounded(key: str, value: Any) -> bool:
    """Whether a value is one that settings of a network can have, so that building it costs little."""
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, int):
        return abs(value) <= (MOST_LAYERS if "layers" in key else LARGEST)
    return isinstance(value, float) or (isinstance(value, str) and len(value) <= LONGEST)
