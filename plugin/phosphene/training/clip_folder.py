"""Reads and writes the folder of a CLIP as open_clip does, and says whether a folder may be overwritten."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from open_clip.model import CLIP
from safetensors import SafetensorError
from safetensors.torch import load_model
from safetensors.torch import save as safetensors_bytes

from phosphene.errors import ModelError
from phosphene.files import write_whole
from phosphene.nets import tokenizer as tokenizers
from phosphene.nets.tokenizer import Tokenizer
from phosphene.outputs import claim_folder, only
from phosphene.training import checkpoint
from phosphene.training.examples import ARRAY, PREPROCESS, SIZE, STATE, Examples
from phosphene.training.run import CHECKPOINT, CURVE, LOCK, LOG

RUN, VECTORS = "training", "vectors.npz"
WEIGHTS, CONFIG = "open_clip_model.safetensors", "open_clip_config.json"
RUN_FILES = (STATE, ARRAY, VECTORS, "vectors.npy", CHECKPOINT, LOG, CURVE, LOCK, tokenizers.FILE)
HINT = "give a folder that `phosphene train clip` has written"


def small_config(vocabulary: int) -> dict[str, Any]:
    """The configuration of a small model, as open_clip writes it."""
    return {
        "embed_dim": 256,
        "vision_cfg": {
            "image_size": SIZE,
            "layers": [1, 1, 1, 1],
            "width": 32,
            "head_width": 64,
        },
        "text_cfg": {
            "context_length": 64,
            "vocab_size": vocabulary,
            "width": 128,
            "heads": 4,
            "layers": 3,
            "pool_type": "eos",
            "eos_id": 2,
            "hf_tokenizer_name": "phosphene",
        },
    }


def claim(folder: Path, *, force: bool = False, inputs: Iterable[Path] = ()) -> Path:
    """The folder, if a model and its training may be written there; see `claim_folder`."""
    claim_folder(folder, is_ours, force=force, inputs=inputs)
    claim_folder(folder / RUN, is_run, force=force)
    return folder


def is_run(folder: Path) -> bool:
    """Whether a folder holds nothing but the training of a CLIP."""
    return only(folder, RUN_FILES)


def is_ours(folder: Path) -> bool:
    """Whether a folder is a model that phosphene has trained or begun to train."""
    run = folder / RUN
    if run.is_dir() and any(run.iterdir()) and is_run(run):
        return True
    try:
        return bool(configuration(folder)["text_cfg"]["hf_tokenizer_name"] == "phosphene")
    except (ModelError, *checkpoint.DAMAGE):
        return False


def new_or_loaded_model(
    examples: Examples, start: Path | None, known: Tokenizer | None = None
) -> tuple[CLIP, Tokenizer, dict[str, Any]]:
    """A model, its tokenizer and its configuration: new ones, or those of the folder `start`.

    `known` is the tokenizer of an earlier attempt. Raises ModelError if `start` holds no complete model.
    """
    if start is None:
        splitter = known or tokenizers.learn(text for captions in examples.captions for text in captions)
        config = small_config(splitter.size)
    else:
        config = configuration(start)
    try:
        if start is not None:
            splitter = tokenizers.load(start, config["text_cfg"]["context_length"])
        model = CLIP(**config).train().to(memory_format=torch.channels_last)
        if start is not None:
            load_model(model, start / WEIGHTS)
    except (ModelError, SafetensorError, *checkpoint.DAMAGE) as error:
        raise ModelError(
            f"The training cannot continue from the model in `{start}`: {str(error).rstrip('.')}.", HINT
        ) from error
    return model, splitter, config


def configuration(folder: Path) -> dict[str, Any]:
    """The configuration of the model in `folder`. Raises ModelError if there is none."""
    path = folder / CONFIG
    if not path.exists():
        raise ModelError(f"`{folder}` holds no model, because it has no {path.name}.", HINT)
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["model_cfg"]
        return {**config}
    except checkpoint.DAMAGE as error:
        raise ModelError(f"`{path}` is damaged: {error}.", HINT) from error


def kept_tokenizer(folder: Path) -> Tokenizer | None:
    """The tokenizer of an earlier attempt, which its weights need. None if there is none."""
    try:
        return tokenizers.load(folder, small_config(0)["text_cfg"]["context_length"])
    except ModelError:
        return None


def weights_digest(folder: Path) -> str:
    """Identifies the model in a folder, wherever the folder is."""
    return hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()[:16]


def write(model: CLIP, config: dict[str, Any], tokenizer: Tokenizer, folder: Path) -> None:
    """Write a folder that open_clip reads. The model is in half precision afterwards."""
    words = folder / tokenizers.FILE
    if words.exists() and words.read_bytes() != tokenizer.text.encode():
        # It is written again at the end, so that nobody loads weights with another tokenizer.
        (folder / CONFIG).unlink(missing_ok=True)
    weights = model.half().state_dict()  # integers stay as they are
    plain = {name: value.contiguous() for name, value in weights.items()}
    write_whole(folder / WEIGHTS, safetensors_bytes(plain))
    tokenizer.save(folder)
    card = {"model_cfg": config, "preprocess_cfg": PREPROCESS}
    write_whole(folder / CONFIG, json.dumps(card, indent=2).encode())
