"""A JSON text without its long strings, so that the rest costs little to parse.

The base64 of a picture is one string of millions of letters. A parser looks at each of them, and Python runs
nothing else meanwhile. Here, long strings are found by their quotation marks alone.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic_core import from_json

from phosphene.server.error_responses import RequestError

LONG = 256  # bytes; longer strings are taken out
MAX_QUOTES = 1 << 18  # quotation marks of a whole text, which are found in less than 0.1 s
MARK = secrets.token_hex(8)  # replaces a string that was taken out; no client can know it


@dataclass(frozen=True, slots=True)
class Outline:
    """The JSON that is left to parse, and the strings taken out of it, still escaped, by their marks."""

    json: bytes
    strings: dict[str, bytes]


def outline(body: bytes | bytearray, *, most: int) -> Outline:
    """Take the long strings out. Raises RequestError if more than `most` bytes are left."""
    kept, done, strings = bytearray(), 0, dict[str, bytes]()
    for start, end in _strings(body):
        if end - start > LONG:
            mark = f"{MARK}{len(strings)}"
            strings[mark] = bytes(body[start:end])
            kept += body[done:start] + mark.encode()
            done = end
    if len(kept) + len(body) - done > most:
        raise RequestError(413, f"The body has more than {most:,} bytes in addition to its texts and images.")
    return Outline(bytes(kept + body[done:]), strings)


def unescaped(written: bytes) -> str:
    """Decode a string as JSON writes it. Raises ValueError if it is written wrong."""
    return str(from_json(b'"' + written + b'"'))


def _strings(body: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """Yield where strings begin and end, without their quotation marks. Raises RequestError at too many."""
    start, end = -1, -1
    for _ in range(MAX_QUOTES):
        end = body.find(b'"', end + 1)
        if start < 0 and end < 0:
            return
        if start < 0:
            start = end + 1
        elif end < 0:  # a string that does not end; the parser reports it
            yield start, len(body)
            return
        elif not _is_escaped(body, start, end):
            yield start, end
            start = -1
    raise RequestError(413, f"The body has more than {MAX_QUOTES:,} quotation marks.")


def _is_escaped(body: bytes | bytearray, start: int, end: int) -> bool:
    """Whether an odd number of backslashes precedes the mark at `end`, in a string that begins at `start`."""
    size = 8
    while True:
        tail = body[max(start, end - size) : end]
        run = len(tail) - len(tail.rstrip(b"\\"))
        if run < len(tail) or run == end - start:
            return run % 2 == 1
        size *= 2
