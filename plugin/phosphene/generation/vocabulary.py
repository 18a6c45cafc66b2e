"""Finds the words of a prompt that a generator does not know.

CLIP turns every text into a vector, and a generator makes a picture from every vector. So a small model draws
an empty sea for `a cat`, and nothing in the score says that it never saw a cat.
"""

import re
import warnings
from collections.abc import Container

from phosphene.errors import UnknownWords
from phosphene.folding import FUNCTION_WORDS
from phosphene.generation.capabilities import Capabilities
from phosphene.generation.requests import Request

WORD = re.compile(r"[^\W_]+")


def unknown_words(text: str, vocabulary: Container[str]) -> list[str]:
    """The words of a text that are neither in a vocabulary nor function words, each once and in order."""
    words = dict.fromkeys(WORD.findall(text.lower()))
    return [word for word in words if word not in vocabulary and word not in FUNCTION_WORDS]


def warn_of_unknown_words(request: Request, capabilities: Capabilities) -> None:
    """Warn of words in a prompt and its negative prompt that the generator does not know.

    The warning points to the caller of the caller of the caller, which is the user of `Library.generate`.
    """
    words = f"{request.prompt} {request.negative_prompt}"
    if capabilities.vocabulary and (unknown := unknown_words(words, capabilities.vocabulary)):
        warnings.warn(UnknownWords(unknown), stacklevel=4)
