"""How much of a text a model can read: what is beyond its context is not even tokenized.

open_clip's own tokenizer needs time that grows with the square of a word's length, half a minute for
16,000 letters in a row, and keeps every word that it has met.
"""

import re
from collections.abc import Callable
from typing import Any

from open_clip import SimpleTokenizer

TOKEN = 16  # letters; the average token of a text has no more, so that so many times the context fill it
WORD = 128  # letters, or signs, in a row; all but Latin ones are a token each, so that these fill a context
WORDS = 20_000  # that the tokenizer keeps
NO_SPACE = re.compile(r"\S+")
ENDLESS = re.compile(rf"([^\W\d_]{{{WORD}}})[^\W\d_]+|((?:[^\w\s]|_){{{WORD}}})(?:[^\w\s]|_)+")


def readable(text: str, tokenizer: Callable[..., Any]) -> str:
    """The beginning of a text that decides about its tokens: the same text unless it is very long."""
    context: int = tokenizer.context_length  # type: ignore[attr-defined]
    text = _beginning(text, context * TOKEN)
    return ENDLESS.sub(r"\1\2", text) if isinstance(tokenizer, SimpleTokenizer) else text


def forget(tokenizer: Callable[..., Any]) -> None:
    """Let open_clip's own tokenizer forget words, where it keeps too many."""
    if isinstance(tokenizer, SimpleTokenizer) and len(tokenizer.cache) > WORDS:
        for word in list(tokenizer.cache)[len(tokenizer.all_special_ids) :]:
            del tokenizer.cache[word]


def _beginning(text: str, most: int) -> str:
    """A text up to so many letters, spaces not counted."""
    if len(text) <= most:
        return text
    for part in NO_SPACE.finditer(text):
        length = part.end() - part.start()
        if length >= most:
            return text[: part.start() + most]
        most -= length
    return text
