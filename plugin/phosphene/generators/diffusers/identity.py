"""The identity of a checkpoint: one sha256 over everything that decides its pictures.

The sums of large files are remembered under phosphene's home, see `embedding.identity`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from phosphene.embedding.identity import sha256
from phosphene.embedding.repositories import TOKENIZERS
from phosphene.generators.diffusers.components import Component


def digest(components: Iterable[Component], more: Mapping[str, object]) -> str:
    """The sha256 of the components' settings and files, and of what was loaded into them besides."""
    parts = [[each.name, each.kind.name, dict(each.config), _files(each)] for each in components]
    canonical = json.dumps([sorted(parts, key=str), more], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def files_digest(files: Iterable[Path]) -> str:
    """The sha256 of the contents of files, in their order."""
    return hashlib.sha256("".join(sha256(file) for file in files).encode()).hexdigest()


def _files(component: Component) -> list[str]:
    """The sums of the files of a network or of a tokenizer. Anything else is all in its settings."""
    if component.header is not None:
        return [sha256(file) for file in component.header.files]
    if component.kind.kind == "tokenizer":
        files = (component.folder / name for name in TOKENIZERS)
        return [sha256(file) for file in files if file.is_file()]
    return []
