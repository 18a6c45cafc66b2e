"""Secrets: read from the environment, checked before they are sent, and never shown.

An error, a log line or a record of `--json` may hold what a server or a library said, and with it a key
or a password. `masked` takes them out.
"""

import os
import re

from phosphene.errors import StoreError

WEAVIATE = "WEAVIATE_API_KEY"
SECRETS = (WEAVIATE, "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "PHOSPHENE_TOKEN")
SHORTEST = 4  # letters; a shorter value is part of too many words to be masked
USER = re.compile(r"(?<=://)[^/?#\s]*@")  # the user and password of a URL


def weaviate_key() -> str | None:
    """The key for the server; a line end or space around it, as files from Windows have it, is left out.

    Raises StoreError, which does not repeat the key, where no HTTP header can carry it.
    """
    key = os.environ.get(WEAVIATE, "").strip()
    wrong = next((place for place, letter in enumerate(key, start=1) if not "!" <= letter <= "~"), None)
    if wrong is not None:
        raise StoreError(
            f"the value of {WEAVIATE} is no key: its character {wrong} of {len(key)} is no printable ASCII"
            " character",
            hint=f"set {WEAVIATE} again, to the key alone, without quotes, spaces or line ends",
        )
    return key or None


def masked(text: str) -> str:
    """The text with `…` for every password in a URL and every secret of the environment."""
    for name in SECRETS:
        secret = os.environ.get(name, "").strip()
        if len(secret) >= SHORTEST:
            text = text.replace(secret, "…")
    return USER.sub("…@", text)
