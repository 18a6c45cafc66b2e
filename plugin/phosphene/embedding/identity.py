"""Computes the identity of a space from the weights and the preprocessing of its model, without torch."""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from phosphene.config import home
from phosphene.embedding.repositories import TOKENIZERS
from phosphene.embedding.weights import Weights
from phosphene.errors import ModelError
from phosphene.files import write_whole
from phosphene.records import Space

REMEMBERED = 64 << 20  # bytes; smaller files are read again, which is fast


def identify(weights: Weights) -> Space:
    """The space of a model. Raises ModelError if its file is truncated or damaged."""
    if weights.file.suffix == ".safetensors":
        check_safetensors(weights.file)
    before: dict[str, Any] = {"preprocess": dict(weights.preprocess)}
    if weights.architecture == "custom":
        files = (weights.file.parent / name for name in TOKENIZERS)
        before["model"] = dict(weights.config)
        before["tokenizer"] = [sha256(file) for file in files if file.is_file()]
    identity = json.dumps([sha256(weights.file), before], sort_keys=True).encode()
    name = weights.architecture if weights.architecture != "custom" else f"clip-{weights.dimension}"
    return Space(f"{name}:{hashlib.sha256(identity).hexdigest()}", weights.name, weights.dimension)


def check_safetensors(file: Path) -> None:
    """Raise ModelError if a file's header is damaged, or its length is not the one that follows from it."""
    try:
        with safe_open(file, "np"):
            pass
    except SafetensorError as error:
        message = f"`{file}` is not a safetensors file, or it is truncated: {error}."
        raise ModelError(message, "download it again") from error


def sha256(file: Path, *, remembered_from: int = REMEMBERED) -> str:
    """The sha256 of a file.

    For a file of at least `remembered_from` bytes it is remembered, with the file's path, size and mtime.
    """
    stat = file.stat()
    if stat.st_size < remembered_from:
        return _digest(file)
    memory = home() / "digests.json"
    key, state = str(file.resolve()), [stat.st_size, stat.st_mtime_ns]
    remembered = _recall(memory)
    if key in remembered and remembered[key][:2] == state:
        return str(remembered[key][2])
    digest = _digest(file)
    with contextlib.suppress(OSError):  # with a read-only home, the digest is computed again
        write_whole(memory, json.dumps({**remembered, key: [*state, digest]}, indent=1).encode())
    return digest


def file_of(digest: str) -> Path | None:
    """A file with this sha256, if it was remembered and is still what it was."""
    for place, (size, changed, known) in _recall(home() / "digests.json").items():
        file = Path(place)
        if known == digest and file.is_file():
            stat = file.stat()
            if [stat.st_size, stat.st_mtime_ns] == [size, changed]:
                return file
    return None


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _recall(memory: Path) -> dict[str, list[Any]]:
    try:
        remembered = json.loads(memory.read_text())
    except (OSError, ValueError):
        return {}
    return remembered if isinstance(remembered, dict) else {}
