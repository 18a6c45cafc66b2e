"""The tokenizers of the hub that come with a `tokenizer.json`, run by `tokenizers` alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from phosphene.embedding import plain
from phosphene.embedding.identity import sha256
from phosphene.embedding.tokenizing import TokenIds, mapped_bpe
from phosphene.embedding.tokenizing.cleaning import cleaned

FILE = "tokenizer.json"
SETTINGS = ("special_tokens_map.json", "tokenizer_config.json")
MANY = 1_000  # texts for which a mapped vocabulary takes as long as parsing a large one whole
REMEMBERED = 1 << 20  # bytes of a file whose digest is remembered


class HubTokenizer:
    """A tokenizer of the hub, with the arguments with which open_clip calls it.

    transformers may change what `tokenizer.json` says. So the ids of both are compared when a text tower is
    exported.
    """

    def __init__(
        self,
        folder: Path,
        context: int,
        *,
        clean: str = "whitespace",
        strip_sep_token: bool = False,
        mapped: Path | None = None,
    ) -> None:
        """`mapped` is a folder that may have the vocabulary in the form of `mapped_bpe`."""
        self.context, self._clean, self._strip_sep_token = context, clean, strip_sep_token
        self._settings, self._file = _settings(folder), folder / FILE
        digest = sha256(self._file, remembered_from=REMEMBERED) if mapped else ""
        self._mapped = mapped_bpe.opened(mapped, digest) if mapped else None
        self._asked = 0  # texts
        self._pad_token, sep_token = (self._token(f"{name}_token") or "" for name in ("pad", "sep"))
        tokenizer = self._mapped.tokenizer([self._pad_token, sep_token]) if self._mapped else self._parsed()
        self.pad: int = tokenizer.token_to_id(self._pad_token) or 0
        self._sep = tokenizer.token_to_id(sep_token)
        self._whole = None if self._mapped else self._fitted(tokenizer)

    def __call__(self, texts: Sequence[str]) -> TokenIds:
        """The ids (n, context) of texts, cut or padded to the context."""
        clean = [cleaned(text, self._clean) for text in texts]
        tokenizer = self._tokenizer(clean)
        rows = [tokenizer.encode(text).ids for text in clean]
        ids = np.array(rows, np.int64).reshape(len(texts), self.context)
        if self._strip_sep_token:
            ids[ids == self._sep] = 0
        return ids

    def fits(self, text: str) -> bool:
        """Whether no token of a text is cut off."""
        clean = cleaned(text, self._clean)
        return not self._tokenizer([clean]).encode(clean).overflowing

    def _tokenizer(self, texts: Sequence[str]) -> Tokenizer:
        """A tokenizer for these texts, which cuts and pads."""
        self._asked += len(texts)
        if self._mapped and self._asked <= MANY:
            return self._fitted(self._mapped.tokenizer(texts))
        if self._whole is None:
            self._whole = self._fitted(self._parsed())
        return self._whole

    def _parsed(self) -> Tokenizer:
        """The tokenizer with its whole vocabulary."""
        return Tokenizer.from_file(str(self._file))

    def _fitted(self, tokenizer: Tokenizer) -> Tokenizer:
        """The tokenizer itself, which now cuts and pads to the context."""
        tokenizer.enable_truncation(self.context, direction=self._settings.get("truncation_side", "right"))
        tokenizer.enable_padding(
            direction=self._settings.get("padding_side", "right"),
            pad_id=self.pad,
            pad_token=self._pad_token,
            length=self.context,
        )
        return tokenizer

    def _token(self, name: str) -> str | None:
        """A special token. Its setting is a text, or an object with the text as `content`."""
        token = self._settings.get(name)
        text = token.get("content") if isinstance(token, dict) else token
        return text if isinstance(text, str) else None


def _settings(folder: Path) -> Mapping[str, Any]:
    """The settings beside a tokenizer. Those of `tokenizer_config.json` count if both files have one."""
    found: dict[str, Any] = {}
    for name in SETTINGS:
        if (folder / name).is_file():
            found |= plain.settings(folder / name)
    return found
