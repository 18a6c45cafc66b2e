"""How much of a text a model reads word by word, and how much it has to spell.

A tokenizer has whole words that are frequent in what its model learnt from, and splits others into pieces,
down to single bytes. So a text of many pieces consists of words that the model hardly ever saw.
"""

import re

from phosphene.embedding.tokenizing import TextTokenizer

WORD = re.compile(r"[^\W\d_]+")
MAX_WORDS = 64  # no model reads more


def spelled(text: str, tokenizer: TextTokenizer) -> float:
    """The share of a text that is spelled: 0 if each word is one token, and 1 if each byte is."""
    words = WORD.findall(text)[:MAX_WORDS]
    letters = sum(len(word.encode()) for word in words) - len(words)
    if not letters:
        return 0.0
    used = (tokenizer(["", *words]) != tokenizer.pad).sum(axis=1)
    return float((used[1:] - used[0] - 1).clip(0).sum() / letters)
