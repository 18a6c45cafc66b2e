"""Turning texts into token ids exactly as open_clip does, by `tokenizers` and without torch.

open_clip has two kinds of tokenizers: its own, see `clip_bpe`, and those of the hub, see `tokenizer_json`. A
few of the latter need transformers, see `by_transformers`.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

TokenIds = NDArray[np.int64]  # shape (n, context)


class TextTokenizer(Protocol):
    """Turns texts into token ids. Many threads call it at once."""

    context: int  # the number of tokens that the model reads
    pad: int  # the id of the padding

    def __call__(self, texts: Sequence[str]) -> TokenIds:
        """The ids (n, context) of texts, cut or padded to the context."""
        ...

    def fits(self, text: str) -> bool:
        """Whether no token of a text is cut off."""
        ...


def shortened(ids: TokenIds, pad: int) -> TokenIds:
    """The ids without the padding that all texts share, but for one token: padding may also mark the end."""
    used = np.flatnonzero((ids != pad).any(axis=0))
    return ids[:, : used[-1] + 2 if len(used) else 1]
