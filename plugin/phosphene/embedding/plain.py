"""Copies the files of a tokenizer or a text model for transformers, without anything that could load code.

transformers follows `auto_map` in any JSON file of the folder that it gets. So it gets a temporary folder
with the vocabulary, and with only those settings that say how to split text.
"""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from phosphene.embedding.repositories import TOKENIZERS
from phosphene.errors import ModelError

MAX_SETTINGS = 4 << 20  # bytes of a settings file
CONFIG = "config.json"
SPECIAL = {
    *("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"),
    *("additional_special_tokens", "extra_special_tokens"),
}
SETTINGS = {
    *SPECIAL,
    *("tokenizer_class", "model_max_length", "padding_side", "truncation_side", "added_tokens_decoder"),
    *("clean_up_tokenization_spaces", "do_lower_case", "do_basic_tokenize", "never_split", "strip_accents"),
    *("tokenize_chinese_chars", "add_prefix_space", "add_bos_token", "add_eos_token", "trim_offsets"),
    *("errors", "keep_accents", "remove_space", "legacy", "legacy_behaviour", "extra_ids", "src_lang"),
    *("tgt_lang", "split_special_tokens", "spaces_between_special_tokens", "model_input_names"),
}
CLASSES = {"model_type", "tokenizer_class"}  # transformers looks them up in its own tables
KEYS = {
    "tokenizer_config.json": SETTINGS,
    "special_tokens_map.json": SPECIAL,
    CONFIG: CLASSES,
}


@contextmanager
def tokenizer_of(folder: Path) -> Iterator[Path]:
    """A temporary folder with a filtered copy of the tokenizer in `folder`."""
    with TemporaryDirectory(prefix="phosphene-") as made:
        plain = Path(made)
        for name in (*TOKENIZERS, CONFIG):
            if (folder / name).is_file():
                _copy(folder / name, plain / name)
        yield plain


@contextmanager
def text_model_of(config: Path) -> Iterator[Path]:
    """A temporary folder with a `config.json` of a text model, without keys that name code or other files."""
    kept = {
        key: value
        for key, value in settings(config).items()
        if not key.startswith("_") and not key.startswith("auto") and "implementation" not in key
    }
    with TemporaryDirectory(prefix="phosphene-") as made:
        (Path(made) / CONFIG).write_text(json.dumps(kept))
        yield Path(made)


def settings(file: Path) -> dict[str, Any]:
    """The JSON object in a settings file. Raises ModelError if the file holds anything else."""
    try:
        if file.stat().st_size > MAX_SETTINGS:
            raise ModelError(f"`{file}` is larger than {MAX_SETTINGS >> 20} MiB.", "download the model again")
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"`{file}` is not JSON: {str(error)[:80]}.", "download the model again") from error
    if not isinstance(found, dict):
        raise ModelError(f"`{file}` is not a JSON object.", "download the model again")
    return found


def _copy(source: Path, target: Path) -> None:
    if source.name not in KEYS:
        shutil.copyfile(source, target)
        return
    found = settings(source)
    kept = {key: found[key] for key in KEYS[source.name] & found.keys()}
    for key in CLASSES & kept.keys():
        if not re.fullmatch(r"[\w-]{1,64}", str(kept[key])):
            del kept[key]  # it is not the name of a class, and transformers would print it
    target.write_text(json.dumps(kept))
