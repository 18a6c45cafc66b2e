"""A space's identity: the digest of its weights and of all that comes before them, without torch."""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from phosphene.config import home
from phosphene.embedding.hub import TOKENIZERS
from phosphene.embedding.weights import Weights
from phosphene.errors import ModelError
from phosphene.files import write_whole
from phosphene.records import Space

REMEMBERED = 64 << 20  # bytes; digests of smaller files are not worth remembering


def identify(weights: Weights) -> Space:
    """The space of a model. Raises ModelError where its file is cut off or unreadable."""
    if weights.file.suffix == ".safetensors":
        check_safetensors(weights.file)
    before: dict[str, Any] = {"preprocess": dict(weights.preprocess)}
    if weights.architecture == "custom":
        files = (weights.file.parent / name for name in TOKENIZERS)
        before["model"] = dict(weights.config)
        before["tokenizer"] = [sha256(file) for file in files if file.is_file()]
    told = json.dumps([sha256(weights.file), before], sort_keys=True).encode()
    name = weights.architecture if weights.architecture != "custom" else f"clip-{weights.dimension}"
    return Space(f"{name}:{hashlib.sha256(told).hexdigest()}", weights.name, weights.dimension)


def check_safetensors(file: Path) -> None:
    """Compare a file's length to what its header says. Raises ModelError where they differ."""
    length = file.stat().st_size
    with file.open("rb") as opened:
        size = int.from_bytes(opened.read(8), "little")
        header = opened.read(size) if size < min(length, 100 << 20) else b""
    try:
        ends = [
            entry["data_offsets"][1] for name, entry in json.loads(header).items() if name != "__metadata__"
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"`{file}` is no safetensors file, or is cut off", "fetch it anew") from error
    if length != 8 + size + max(ends, default=0):
        expected = 8 + size + max(ends, default=0)
        raise ModelError(f"`{file}` is cut off: {length:,} of {expected:,} bytes", "fetch it anew")


def sha256(file: Path) -> str:
    """The digest of a file's bytes; for large files remembered by path, size and time of change."""
    stat = file.stat()
    if stat.st_size < REMEMBERED:
        return _digest(file)
    memory = home() / "digests.json"
    key, state = str(file.resolve()), [stat.st_size, stat.st_mtime_ns]
    remembered = _recall(memory)
    if key in remembered and remembered[key][:2] == state:
        return str(remembered[key][2])
    digest = _digest(file)
    with contextlib.suppress(OSError):  # a home that cannot be written to only costs time
        write_whole(memory, json.dumps({**remembered, key: [*state, digest]}, indent=1).encode())
    return digest


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _recall(memory: Path) -> dict[str, list[Any]]:
    try:
        remembered = json.loads(memory.read_text())
    except (OSError, ValueError):
        return {}
    return remembered if isinstance(remembered, dict) else {}
