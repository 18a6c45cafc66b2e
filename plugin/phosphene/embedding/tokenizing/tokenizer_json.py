"""The tokenizers of the hub that come with a `tokenizer.json`, run by `tokenizers` alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers

from phosphene.embedding import plain
from phosphene.embedding.tokenizing import TokenIds
from phosphene.embedding.tokenizing.cleaning import cleaned

FILE = "tokenizer.json"
SETTINGS = ("special_tokens_map.json", "tokenizer_config.json")


class HubTokenizer:
    """A tokenizer of the hub, with the arguments with which open_clip calls it.

    transformers may change what `tokenizer.json` says. So the ids of both are compared when a text tower is
    exported.
    """

    def __init__(
        self, folder: Path, context: int, *, clean: str = "whitespace", strip_sep_token: bool = False
    ) -> None:
        self.context, self._clean, self._strip_sep_token = context, clean, strip_sep_token
        self._settings = _settings(folder)
        self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / FILE))
        pad = self._token("pad_token") or ""
        self.pad = self._tokenizer.token_to_id(pad) or 0
        self._tokenizer.enable_truncation(context, direction=self._settings.get("truncation_side", "right"))
        self._tokenizer.enable_padding(
            direction=self._settings.get("padding_side", "right"),
            pad_id=self.pad,
            pad_token=pad,
            length=context,
        )

    def __call__(self, texts: Sequence[str]) -> TokenIds:
        """The ids (n, context) of texts, cut or padded to the context."""
        rows = [self._encoded(text).ids for text in texts]
        ids = np.array(rows, np.int64).reshape(len(texts), self.context)
        if self._strip_sep_token:
            ids[ids == self._tokenizer.token_to_id(self._token("sep_token") or "")] = 0
        return ids

    def fits(self, text: str) -> bool:
        """Whether no token of a text is cut off."""
        return not self._encoded(text).overflowing

    def _encoded(self, text: str) -> tokenizers.Encoding:
        return self._tokenizer.encode(cleaned(text, self._clean))

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
