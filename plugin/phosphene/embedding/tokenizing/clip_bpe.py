"""open_clip's own tokenizer: byte pairs, with the vocabulary of OpenAI's CLIP.

The vocabulary is in open_clip's package, whose file is read without importing it. The time that open_clip's
own code takes for a word grows with the square of its length; this does not.
"""

import gzip
import importlib.util
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import regex
from tokenizers.models import BPE

from phosphene.embedding.tokenizing import TokenIds
from phosphene.embedding.tokenizing.cleaning import cleaned
from phosphene.errors import ModelError

FILE = "bpe_simple_vocab_16e6.txt.gz"
MERGES = 49_152 - 256 - 2  # lines of the file that CLIP uses; the first line is a heading
WORD_END = "</w>"
SPECIAL = ("<start_of_text>", "<end_of_text>")
WORDS = regex.compile(
    "|".join(SPECIAL) + r"|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE
)


class ClipTokenizer:
    """The tokenizer of most models of open_clip."""

    def __init__(self, context: int, clean: str = "lower") -> None:
        self.context, self.pad, self._clean = context, 0, clean
        self._letters = byte_letters()
        merges = [(left, right) for left, right in map(str.split, vocabulary())]
        letters = list(self._letters.values())
        tokens = [*letters, *(letter + WORD_END for letter in letters), *map("".join, merges), *SPECIAL]
        numbered = {token: number for number, token in enumerate(tokens)}
        self._start, self._end = (numbered[token] for token in SPECIAL)
        self._bpe = BPE(numbered, merges, end_of_word_suffix=WORD_END)

    def __call__(self, texts: Sequence[str]) -> TokenIds:
        """The ids (n, context) of texts, cut or padded to the context."""
        ids = np.zeros((len(texts), self.context), np.int64)
        for row, text in zip(ids, texts, strict=True):
            found = self._tokens(text)[: self.context - 1]
            row[: len(found) + 1] = [*found, self._end]
        return ids

    def fits(self, text: str) -> bool:
        """Whether no token of a text is cut off."""
        return len(self._tokens(text)) < self.context

    def _tokens(self, text: str) -> list[int]:
        """All tokens of a text, without the last one, which marks the end."""
        found = [self._start]
        for word in WORDS.findall(cleaned(text, self._clean)):
            if word in SPECIAL:
                found.append(self._start if word == SPECIAL[0] else self._end)
            else:
                letters = "".join(map(self._letters.__getitem__, word.encode()))
                found += [token.id for token in self._bpe.tokenize(letters)]
        return found


def byte_letters() -> dict[int, str]:
    """The letter that stands for each byte: itself if it can be seen, and otherwise one from 256 on."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    unseen = [byte for byte in range(256) if byte not in seen]
    letters = {byte: chr(byte) for byte in seen}
    return letters | {byte: chr(256 + number) for number, byte in enumerate(unseen)}


def vocabulary() -> list[str]:
    """The pairs that are merged, most important first. A line has the two parts with a space between them."""
    spec = importlib.util.find_spec("open_clip")  # finds the folder without importing it
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or []:
        if (file := Path(folder) / FILE).is_file():
            with gzip.open(file, "rt", encoding="utf-8") as lines:  # a fifth of the file is enough
                return [line.rstrip("\n") for line in islice(lines, 1, 1 + MERGES)]
    raise ModelError(f"The package open_clip has no file `{FILE}`.", "run `pip install open-clip-torch`")
