"""The pictures of an external collection: in a blob, on the web, or in a file of this machine."""

import base64
import binascii
from pathlib import Path

import httpx

from phosphene.errors import ImageError
from phosphene.images import THUMBNAIL, no_picture, open_picture, thumbnail

DEADLINE = 10.0  # seconds for a picture from the web
LARGEST = 32 << 20  # bytes of one that is still loaded


def load(place: str, *, encoded: bool) -> bytes | None:
    """The bytes of a picture: `place` is base64 where `encoded`, else a URL or a path.

    None where there is none; one picture that is gone ends no search.
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
    """The thumbnail of a picture (encoded); a grey square where there is none, or a damaged one."""
    try:
        if content:
            return thumbnail(open_picture(content, at_least=THUMBNAIL))
    except ImageError:
        pass
    return no_picture()


def _fetched(url: str) -> bytes | None:
    with httpx.stream("GET", url, timeout=DEADLINE, follow_redirects=True) as answer:
        if not answer.is_success:
            return None
        content = bytearray()
        for part in answer.iter_bytes():
            content += part
            if len(content) > LARGEST:
                return None
        return bytes(content)
