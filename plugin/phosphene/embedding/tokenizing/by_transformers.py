"""The tokenizers of the hub, run by transformers. Some have no `tokenizer.json`, or need more than that."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from open_clip.tokenizer import HFTokenizer

from phosphene.embedding import plain
from phosphene.embedding.tokenizing import TokenIds


class TransformersTokenizer:
    """open_clip's `HFTokenizer`, loaded from filtered copies of its files, see `plain`."""

    def __init__(self, folder: Path, context: int, mode: str | None = None, **arguments: Any) -> None:
        self.context = context
        self._end = context - 1 if mode == "clips" else context  # `clips` ends with a class token
        with plain.tokenizer_of(folder) as copy:
            self._tokenizer = HFTokenizer(
                str(copy),
                context_length=context,
                tokenizer_mode=mode,
                trust_remote_code=False,
                local_files_only=True,
                **arguments,
            )
        self.pad: int = self._tokenizer.tokenizer.pad_token_id or 0

    def __call__(self, texts: Sequence[str]) -> TokenIds:
        """The ids (n, context) of texts, cut or padded to the context."""
        return np.asarray(self._tokenizer(list(texts)).numpy(), np.int64)

    def fits(self, text: str) -> bool:
        """Whether a text fits: with a context of one more token, only the padding would grow."""
        given, wider = self([text])[0], self._tokenizer([text], context_length=self.context + 1)[0].numpy()
        padding = self([""])[0, self._end - 1]
        return bool(np.array_equal(given[: self._end], wider[: self._end]) and wider[self._end] == padding)
