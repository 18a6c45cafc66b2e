r"""The two standard streams: everything that is printed for people goes through `say`.

Names, captions and messages come from strangers. On a terminal, whatever is not printable becomes an
escape such as `\x1b`, so that a terminal shows it and never obeys it. In a pipe only those characters
do that would break a line or that `cat` would hand on to a terminal: controls and, outside of paths,
marks that change the direction of text. A path in a pipe is the path, byte by byte.
"""

import codecs
import errno
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

import click

from phosphene.errors import OutputError

ERRORS = "phosphene"  # the name of `_encoded`, as a stream's way with what its encoding lacks
CONTROLS = (*range(0x20), *range(0x7F, 0xA0))  # C0 and C1: ESC, tab, the ends of lines …
# Unicode's Bidi_Control: they let a text look like another one.
DIRECTIONS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
IN_PATHS = {code: repr(chr(code))[1:-1] for code in CONTROLS}
IN_TEXTS = IN_PATHS | {code: repr(chr(code))[1:-1] for code in DIRECTIONS}


class Styled(str):
    """Text of ours with styles, which `say` prints as it is."""

    __slots__ = ()


def styled(text: str, **style: Any) -> Styled:
    """The text in a style; what is in it was made visible first."""
    return Styled(click.style(visible(text), **style))


def plain() -> bool:
    """Whether the user wants no colour (no-color.org: set, and not empty)."""
    return bool(os.environ.get("NO_COLOR"))


def say(*parts: str, err: bool = False) -> None:
    """Print the parts beside each other, and end the line. Their own line ends stay."""
    stream = sys.stderr if err else sys.stdout
    safe = (part if isinstance(part, Styled) else lines(part, stream) for part in parts)
    write("".join(safe) + "\n", err=err, color=False if plain() else None)


def write(text: str, *, err: bool = False, color: bool | None = None) -> None:
    """Write text that is safe already: JSON, pictures, what `say` has prepared.

    What cannot be written to stderr is lost, as nothing depends on it. Raises OutputError where
    stdout cannot be written to, and BrokenPipeError where its reader has gone.
    """
    try:
        click.echo(text, nl=False, err=err, color=color)
    except OSError as error:
        if not err and error.errno == errno.EPIPE:  # the reader has gone, as with `| head`
            raise
        _let_go(sys.stderr if err else sys.stdout)
        if not err:
            raise OutputError(f"standard output cannot be written to: {error.strerror or error}") from error


def visible(text: str) -> str:
    """The text on one line; what a terminal would obey, or not show, is an escape."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def one_line(text: str, stream: TextIO, *, path: bool = False) -> str:
    """The text on one line, for a terminal or a pipe; in a pipe a `path` stays what it is."""
    if stream.isatty():
        return visible(text)
    return text.translate(IN_PATHS if path else IN_TEXTS)


def lines(text: str, stream: TextIO) -> str:
    """The same for a text of several lines."""
    return "\n".join(one_line(line, stream) for line in text.split("\n"))


def prepare() -> None:
    """Let both streams take any text, whatever their encoding: see `_encoded`."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors=ERRORS)


def fill() -> None:
    """Open what was closed among stdin, stdout and stderr, as some daemons start programs.

    Else the next file that is opened, a library's perhaps, would get the number of such a stream.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            handle = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            setattr(sys, name, open(handle, "w" if number else "r", encoding="utf-8"))  # noqa: SIM115, PTH123


def _encoded(error: UnicodeError) -> tuple[str | bytes, int]:
    """What an encoding lacks, as an escape; a byte of a file name that was no UTF-8, as that byte."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    first = error.object[error.start]
    handler = codecs.lookup_error("surrogateescape" if "\udc80" <= first <= "\udcff" else "backslashreplace")
    error.end = error.start + 1
    return handler(error)


def _let_go(stream: TextIO) -> None:
    """Send what a stream still holds nowhere, or Python would fail on it once more at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


codecs.register_error(ERRORS, _encoded)
