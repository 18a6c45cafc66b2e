"""Shortens texts before they are tokenized, because a model does not read beyond its context anyway.

The time of open_clip's own tokenizer grows with the square of a word's length: it needs half a minute for
16,000 letters in a row. It also keeps every word that it has ever seen in memory.
"""

import re
from collections.abc import Callable
from typing import Any

from open_clip import SimpleTokenizer

TOKEN = 16  # characters; tokens are shorter on average, so 16 per token are more than the context holds
WORD = 128  # letters or signs in a row; most are a token each, so these are more than the context holds
MAX_WORDS = 20_000  # that the tokenizer may keep in memory
NO_SPACE = re.compile(r"\S+")
ENDLESS = re.compile(rf"([^\W\d_]{{{WORD}}})[^\W\d_]+|((?:[^\w\s]|_){{{WORD}}})(?:[^\w\s]|_)+")


def readable(text: str, tokenizer: Callable[..., Any]) -> str:
    """The beginning of a text that decides its tokens. For most texts this is the whole text."""
    context: int = tokenizer.context_length  # type: ignore[attr-defined]
    text = _beginning(text, context * TOKEN)
    return ENDLESS.sub(r"\1\2", text) if isinstance(tokenizer, SimpleTokenizer) else text


def forget(tokenizer: Callable[..., Any], *, max_words: int = MAX_WORDS) -> None:
    """Empty the cache of open_clip's own tokenizer if it holds more than `max_words`."""
    if isinstance(tokenizer, SimpleTokenizer) and len(tokenizer.cache) > max_words:
        for word in list(tokenizer.cache)[len(tokenizer.all_special_ids) :]:
            del tokenizer.cache[word]


def _beginning(text: str, most: int) -> str:
    """The first `most` characters of a text, not counting spaces."""
    if len(text) <= most:
        return text
    for part in NO_SPACE.finditer(text):
        length = part.end() - part.start()
        if length >= most:
            return text[: part.start() + most]
        most -= length
    return text
