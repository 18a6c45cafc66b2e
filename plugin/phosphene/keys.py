"""Secrets are read from the environment, checked before they are sent, and never shown.

An error, a log line or a record of `--json` may repeat what a server or a library said, and that may contain
a key or a password. `masked` removes them.
"""

import os
import re

from phosphene.errors import StoreError

WEAVIATE = "WEAVIATE_API_KEY"
SECRETS = (WEAVIATE, "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "PHOSPHENE_TOKEN")
SHORTEST = 4  # letters; a shorter value is part of too many words to be masked
USER = re.compile(r"(?<=://)[^/?#\s]*@")  # the user and password of a URL


def weaviate_key() -> str | None:
    """The key for the server, without spaces and line ends around it, or None.

    Raises StoreError if an HTTP header cannot carry the key. The error does not repeat it.
    """
    key = os.environ.get(WEAVIATE, "").strip()
    wrong = next((place for place, letter in enumerate(key, start=1) if not "!" <= letter <= "~"), None)
    if wrong is not None:
        raise StoreError(
            f"The value of {WEAVIATE} is not a key: character {wrong} of {len(key)} is not printable ASCII.",
            hint=f"set {WEAVIATE} to the key alone, without quotes, spaces or line ends",
        )
    return key or None


def masked(text: str) -> str:
    """The text with `…` in the place of passwords in URLs and of secrets from the environment."""
    for name in SECRETS:
        secret = os.environ.get(name, "").strip()
        if len(secret) >= SHORTEST:
            text = text.replace(secret, "…")
    return USER.sub("…@", text)
