"""The architectures that open_clip lists, read from its files without importing it."""

import difflib
import functools
import importlib.util
from pathlib import Path
from typing import Any

from phosphene.embedding import plain
from phosphene.embedding.model_names import notation
from phosphene.errors import ModelError, listed


def architecture(name: str) -> dict[str, Any]:
    """open_clip's configuration of an architecture. Raises ModelError if it has no such architecture."""
    known = architectures()
    if name not in known:
        similar = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"try a similar name: {listed(similar)}" if similar else notation()
        raise ModelError(f"open_clip has no architecture `{name}`.", hint)
    return plain.settings(known[name])


@functools.cache
def architectures() -> dict[str, Path]:
    """The configuration files of all architectures of open_clip, by name."""
    spec = importlib.util.find_spec("open_clip")  # finds the folder without importing it
    folders = spec.submodule_search_locations if spec else None
    return {path.stem: path for folder in folders or [] for path in Path(folder).glob("model_configs/*.json")}


def text_models() -> set[str]:
    """The text models of transformers that open_clip's own architectures use."""
    texts = (plain.settings(path)["text_cfg"] for path in architectures().values())
    return {text["hf_model_name"] for text in texts if "hf_model_name" in text}
