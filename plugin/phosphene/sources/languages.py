"""Captions in several languages: lines such as `en.utf8=a house` and `de.utf8=ein Haus`.

A tag stays a part of its caption. It only decides which captions are compared to find the fullest one: the
longest caption of another language is not the fullest caption of this language.
"""

import re
from collections.abc import Iterable

TAG = re.compile(r"([a-z]{2,8})(?:[-_][a-z0-9]{2,8})*\.utf-?8\s*=", re.IGNORECASE)
ENGLISH = ("en", "eng", "english")


def fullest(captions: Iterable[str]) -> str:
    """The longest caption without a tag; else the longest English one, else that of the first language."""
    by_language: dict[str, list[str]] = {}
    for caption in captions:
        by_language.setdefault(language(caption), []).append(caption)
    preferred = next((name for name in ("", "en") if name in by_language), next(iter(by_language), ""))
    return max(by_language.get(preferred, ()), key=len, default="")


def language(caption: str) -> str:
    """The language in a caption's tag, in lower case. It is empty if there is no tag."""
    tag = TAG.match(caption)
    name = tag[1].lower() if tag else ""
    return "en" if name in ENGLISH else name
