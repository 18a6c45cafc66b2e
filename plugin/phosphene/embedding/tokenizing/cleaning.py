"""Cleans a text before it is split into tokens, as open_clip does.

ftfy repairs wrong encodings and odd characters. It takes 50 ms to import, so a text that it would not change
does not need it.
"""

import re
import string

PLAIN = re.compile(r"[ -%'-~]*")  # printable ASCII without the `&` of an HTML entity
PUNCTUATION = str.maketrans("", "", string.punctuation)


def cleaned(text: str, how: str) -> str:
    """The text in one of open_clip's three ways: `lower`, `whitespace` or `canonicalize`."""
    text = _repaired(text)
    if how == "canonicalize":
        text = text.replace("_", " ").translate(PUNCTUATION).lower()
    text = " ".join(text.split())
    return text.lower() if how == "lower" else text


def _repaired(text: str) -> str:
    if PLAIN.fullmatch(text):
        return text
    from html import unescape

    import ftfy

    return unescape(unescape(ftfy.fix_text(text)))
