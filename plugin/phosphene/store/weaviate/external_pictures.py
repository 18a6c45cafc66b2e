"""Loads the pictures of an external collection from a blob, from the web, or from a file."""

import base64
import binascii
from pathlib import Path

import httpx

from phosphene.errors import ImageError
from phosphene.images import THUMBNAIL, no_picture, open_picture, thumbnail

DOWNLOAD_TIMEOUT = 10.0  # seconds for a picture from the web
LARGEST = 32 << 20  # bytes of a picture from the web; larger ones are not loaded


def load(place: str, *, encoded: bool) -> bytes | None:
    """The bytes of a picture, or None if it cannot be loaded, so that a search goes on.

    `place` is base64 if `encoded` is set, and otherwise a URL or a path.
    """
    try:
        if encoded:
            return base64.b64decode(place)
        if place.startswith(("http://", "https://")):
            return _fetched(place)
        path = Path(place.removeprefix("file://"))
        return path.read_bytes() if path.is_file() else None
    except (binascii.Error, httpx.HTTPError, httpx.InvalidURL, OSError):
        return None


def small(content: bytes | None) -> bytes:
    """The thumbnail of an encoded picture, or a grey square if there is none or it is damaged."""
    try:
        if content:
            return thumbnail(open_picture(content, at_least=THUMBNAIL))
    except ImageError:
        pass
    return no_picture()


def _fetched(url: str) -> bytes | None:
    with httpx.stream("GET", url, timeout=DOWNLOAD_TIMEOUT, follow_redirects=True) as answer:
        if not answer.is_success:
            return None
        content = bytearray()
        for part in answer.iter_bytes():
            content += part
            if len(content) > LARGEST:
                return None
        return bytes(content)
