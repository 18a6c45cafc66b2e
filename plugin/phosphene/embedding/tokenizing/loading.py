"""Loads the tokenizer of a model. A stranger may have made its files, so no code in them is run."""

import json
from pathlib import Path
from typing import Any

from phosphene.embedding.identity import sha256
from phosphene.embedding.tokenizing import TextTokenizer, bpe_files
from phosphene.embedding.tokenizing.clip_bpe import ClipTokenizer
from phosphene.embedding.tokenizing.tokenizer_json import FILE, HubTokenizer
from phosphene.embedding.weights import Weights, tokenizer_folder
from phosphene.errors import ModelError, first_line


def light_tokenizer(weights: Weights, mapped: Path | None = None) -> TextTokenizer | None:
    """A tokenizer that needs neither torch nor transformers, or None if this model has none.

    `mapped` is a folder to which `write_mapped` may have written. Raises ModelError if the tokenizer's files
    are missing or damaged.
    """
    text, arguments = weights.config["text_cfg"], _arguments(weights)
    if not text.get("hf_tokenizer_name"):
        return ClipTokenizer(**arguments)
    folder = tokenizer_folder(weights)
    if text.get("tokenizer_mode") or "language" in arguments or not (folder / FILE).is_file():
        return None
    try:
        return HubTokenizer(folder, mapped=mapped, **arguments)
    except ModelError:
        raise
    except Exception as error:  # tokenizers raises nothing more specific for a damaged file
        raise _unusable(weights, error) from error


def write_mapped(weights: Weights, folder: Path) -> None:
    """Write the tokenizer's vocabulary in the form of `mapped_bpe`, if it can have that.

    `light_tokenizer` must have read it before.
    """
    if weights.config["text_cfg"].get("hf_tokenizer_name"):
        file = tokenizer_folder(weights) / FILE
        bpe_files.write(json.loads(file.read_bytes()), sha256(file), folder)


def full_tokenizer(weights: Weights) -> TextTokenizer:
    """The tokenizer as open_clip loads it, with transformers if it is one of the hub.

    Raises ModelError if its files are missing or damaged.
    """
    text = weights.config["text_cfg"]
    if not text.get("hf_tokenizer_name"):
        return ClipTokenizer(**_arguments(weights))
    from phosphene.embedding.loading import FAILURES
    from phosphene.embedding.tokenizing.by_transformers import TransformersTokenizer

    try:
        mode = text.get("tokenizer_mode")
        return TransformersTokenizer(tokenizer_folder(weights), mode=mode, **_arguments(weights))
    except FAILURES as error:
        raise _unusable(weights, error) from error


def _arguments(weights: Weights) -> dict[str, Any]:
    """The settings that open_clip passes to a tokenizer. `allowed` has checked them."""
    text = weights.config["text_cfg"]
    return {"context": text.get("context_length", 77), **(text.get("tokenizer_kwargs") or {})}


def _unusable(weights: Weights, error: Exception) -> ModelError:
    message = f"The tokenizer of `{weights.name}` cannot be loaded: {first_line(error)}."
    return ModelError(message, f"download what is missing with `phosphene models fetch {weights.name}`")
