"""Errors and warnings for people. They read a sentence and a hint, and never a traceback."""

import errno
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGINT, SIGTERM
from typing import IO, Any

import click

from phosphene.cli.options import Settings
from phosphene.cli.streams import lines, one_line, say, styled
from phosphene.errors import FilterError, PhospheneError, PhospheneWarning
from phosphene.interrupt import Terminated


class CommandError(click.ClickException):
    """An error that prints `Error: …` and `hint: …` to stderr and exits with 1."""

    def __init__(self, message: str, hint: str = "", marked: str = "") -> None:
        super().__init__(message)
        self.hint, self.marked = hint, marked

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message, the place in a query that it is about, and the next step."""
        say(styled("Error", fg="red", bold=True), f": {one_line(self.message, sys.stderr)}", err=True)
        if self.marked:
            say(f"\n  {self.marked.replace(chr(10), chr(10) + '  ')}", err=True)
        if self.hint:
            say(f"\nhint: {self.hint}", err=True)


class Interrupted(click.ClickException):
    """Ctrl-C. It prints a line that says what was kept, and exits with 130 as shells expect."""

    exit_code = 128 + SIGINT

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line below the `^C` of the terminal."""
        say(f"\nInterrupted: {self.message}", err=True)


class Ended(Interrupted):
    """SIGTERM. It prints the same line and exits with 143."""

    exit_code = 128 + SIGTERM


@contextmanager
def told(settings: Settings) -> Iterator[None]:
    """Turn the exceptions of the library and the system into the errors above, and show our warnings.

    Control characters in the user's own words, which usage errors repeat, become escapes.
    """
    try:
        with warnings.catch_warnings():
            _take_warnings()
            yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        message = lines(error.format_message().expandtabs(2), sys.stderr)
        raise click.UsageError(message, error.ctx) from error
    except PhospheneError as error:
        marked = error.marked if isinstance(error, FilterError) else ""
        raise CommandError(error.message, error.hint, marked) from error
    except KeyboardInterrupt as error:
        end = Ended if isinstance(error, Terminated) else Interrupted
        raise end(settings.kept) from error
    except OSError as error:
        if error.errno == errno.EPIPE:  # the reader is gone, as with `| head`, and click exits quietly
            raise
        raise CommandError(_system(error)) from error


def _take_warnings() -> None:
    """Print phosphene's warnings as sentences. Developers see those of other packages with `-W`."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    warnings.simplefilter("always", PhospheneWarning)
    said: set[str] = set()

    def warn(message: Warning | str, *_: object, **__: object) -> None:
        if str(message) not in said:  # a picture that is shown twice warns once
            said.add(str(message))
            say(
                styled("Warning", fg="yellow", bold=True), f": {one_line(str(message), sys.stderr)}", err=True
            )

    warnings.showwarning = warn


def _system(error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and not error.filename:
        return "The current folder does not exist any more."  # os.getcwd raises this without a name
    reason = error.strerror or str(error) or type(error).__name__
    return f"`{error.filename}`: {reason}." if error.filename else f"{reason}."
