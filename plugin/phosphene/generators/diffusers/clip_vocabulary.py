"""The vocabulary of CLIP's tokenizer, which open_clip has. Single files come without one."""

import gzip
import json
from pathlib import Path

VOCABULARY, MERGES, FAST = "vocab.json", "merges.txt", "tokenizer.json"
SPECIAL = ("<|startoftext|>", "<|endoftext|>")
TOKENS = 49_408
BYTES = 256  # each is a token twice: inside of a word, and at its end


def has_vocabulary(folder: Path) -> bool:
    """Whether the files of a tokenizer are in a folder."""
    return (folder / FAST).is_file() or (folder / VOCABULARY).is_file()


def write_vocabulary(folder: Path) -> None:
    """Write the two files that transformers builds CLIP's tokenizer from."""
    from open_clip.tokenizer import bytes_to_unicode, default_bpe

    lines = gzip.decompress(Path(default_bpe()).read_bytes()).decode().split("\n")
    merges = lines[1 : 1 + TOKENS - 2 * BYTES - len(SPECIAL)]  # the first line is a version
    letters = list(bytes_to_unicode().values())
    ends = [f"{letter}</w>" for letter in letters]
    tokens = [*letters, *ends, *(merge.replace(" ", "") for merge in merges), *SPECIAL]
    numbers = {token: number for number, token in enumerate(tokens)}
    (folder / VOCABULARY).write_text(json.dumps(numbers, ensure_ascii=False), encoding="utf-8")
    (folder / MERGES).write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")
