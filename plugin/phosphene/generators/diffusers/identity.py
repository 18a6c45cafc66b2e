"""The identity of a checkpoint: one sha256 over everything that decides its pictures.

The sums of large files are remembered under phosphene's home, see `embedding.identity`.
"""

import hashlib
import json
from pathlib import Path

from phosphene.embedding.identity import sha256
from phosphene.embedding.repositories import TOKENIZERS
from phosphene.generation import Addition, AdditionKind
from phosphene.generators.diffusers.components import Component
from phosphene.generators.diffusers.headers import Header


def digest(*parts: object) -> str:
    """The sha256 of plain data."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def contents(component: Component) -> list[object]:
    """The class of a component, its settings, and the sha256 of its weights or of its vocabulary."""
    vocabulary = TOKENIZERS if component.kind.kind == "tokenizer" else ()
    files = [file for name in vocabulary if (file := component.folder / name).is_file()]
    sums = file_sums(component.header) if component.header else [sha256(file) for file in files]
    return [component.kind.name, dict(component.config), sums]


def file_sums(header: Header) -> list[str]:
    """The sha256 of each file."""
    return [sha256(file) for file in header.files]


def addition(kind: AdditionKind, file: Path, weight: float = 1.0) -> Addition:
    """A file that is added to a checkpoint. Its sum is remembered, so that a replay finds the file."""
    return Addition(kind, file.name, sha256(file, remembered_from=0), weight)
