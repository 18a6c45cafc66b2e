r"""The standard streams. Everything that is printed for people goes through `say`.

Names, captions and messages come from strangers. On a terminal, every character that is not
printable becomes an escape such as `\x1b`, so the terminal shows it and never obeys it. In a pipe
only two kinds become escapes: control characters, which would break lines, and, outside of paths,
marks that change the direction of text. Apart from that, a path in a pipe stays as it is.
"""

import codecs
import errno
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

import click

from phosphene.errors import OutputError

ERRORS = "phosphene"  # `_encoded` is registered as an error handler of codecs under this name
CONTROLS = (*range(0x20), *range(0x7F, 0xA0))  # C0 and C1, with ESC, tab and line ends among them
# Unicode calls these Bidi_Control. They can make one text look like another.
DIRECTIONS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
IN_PATHS = {code: repr(chr(code))[1:-1] for code in CONTROLS}
IN_TEXTS = IN_PATHS | {code: repr(chr(code))[1:-1] for code in DIRECTIONS}


class Styled(str):
    """Text with styles of our own, which `say` prints unchanged."""

    __slots__ = ()


def styled(text: str, **style: Any) -> Styled:
    """The visible text in a style."""
    return Styled(click.style(visible(text), **style))


def plain() -> bool:
    """Whether the user wants no colour, which NO_COLOR says unless it is empty (no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))


def say(*parts: str, err: bool = False) -> None:
    """Print the parts one after another and end the line. Line ends within them stay."""
    stream = sys.stderr if err else sys.stdout
    safe = (part if isinstance(part, Styled) else lines(part, stream) for part in parts)
    write("".join(safe) + "\n", err=err, color=False if plain() else None)


def write(text: str, *, err: bool = False, color: bool | None = None) -> None:
    """Write text that is safe already, such as JSON, pictures and the prepared text of `say`.

    Text that cannot be written to stderr is lost, because nothing depends on it. Raises OutputError
    if stdout cannot be written to, and BrokenPipeError if its reader is gone.
    """
    try:
        click.echo(text, nl=False, err=err, color=color)
    except OSError as error:
        if not err and error.errno == errno.EPIPE:  # the reader is gone, as with `| head`
            raise
        _let_go(sys.stderr if err else sys.stdout)
        if not err:
            raise OutputError(f"Standard output cannot be written to: {error.strerror or error}.") from error


def visible(text: str) -> str:
    """The text on one line, with escapes for the characters that a terminal would not show."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def one_line(text: str, stream: TextIO, *, path: bool = False) -> str:
    """The text on one line, with escapes as the stream needs them. See the top of this file."""
    if stream.isatty():
        return visible(text)
    return text.translate(IN_PATHS if path else IN_TEXTS)


def lines(text: str, stream: TextIO) -> str:
    """Do the same for a text of several lines."""
    return "\n".join(one_line(line, stream) for line in text.split("\n"))


def prepare() -> None:
    """Let both streams take any text, whatever their encoding is. See `_encoded`."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors=ERRORS)


def fill() -> None:
    """Open those of stdin, stdout and stderr that are closed, because some daemons close them.

    Otherwise the next file that is opened, such as a library's, would get the number of a stream.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            handle = os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
            setattr(sys, name, open(handle, "w" if number else "r", encoding="utf-8"))  # noqa: SIM115, PTH123


def _encoded(error: UnicodeError) -> tuple[str | bytes, int]:
    """Escape a character that the encoding lacks. A byte of a file name that is not UTF-8 stays that byte."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    first = error.object[error.start]
    handler = codecs.lookup_error("surrogateescape" if "\udc80" <= first <= "\udcff" else "backslashreplace")
    error.end = error.start + 1
    return handler(error)


def _let_go(stream: TextIO) -> None:
    """Discard what a stream still holds, because Python would fail on it again at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


codecs.register_error(ERRORS, _encoded)
