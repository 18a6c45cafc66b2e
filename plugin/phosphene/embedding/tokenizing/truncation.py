"""Shortens texts, because a model does not read beyond its context anyway."""

import bisect
import re

from phosphene.embedding.embedder import Cut
from phosphene.embedding.tokenizing import TextTokenizer

TOKEN = 16  # characters; tokens are shorter on average, so 16 per token are more than the context holds
NO_SPACE = re.compile(r"\S+")


def readable(text: str, context: int) -> str:
    """The beginning of a text that decides its tokens. For most texts this is the whole text."""
    most = context * TOKEN
    if len(text) <= most:
        return text
    for part in NO_SPACE.finditer(text):
        length = part.end() - part.start()
        if length >= most:
            return text[: part.start() + most]
        most -= length
    return text


def cut(text: str, tokenizer: TextTokenizer) -> Cut | None:
    """The part of a text that is used if it is longer than the context: whole words, or some of the first."""
    if tokenizer.fits(text):
        return None
    ends = [word.end() for word in NO_SPACE.finditer(text)]
    used = bisect.bisect_left(ends, True, key=lambda end: not tokenizer.fits(text[:end]))
    if used:
        return Cut(text, text[: ends[used - 1]])
    letters = bisect.bisect_left(range(len(text)), True, key=lambda end: not tokenizer.fits(text[:end]))
    return Cut(text, text[: letters - 1])
