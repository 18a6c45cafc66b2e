"""Faults and warnings as people read them: a sentence, a blank line, a hint; never a traceback."""

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
from phosphene.errors import PhospheneError, PhospheneWarning
from phosphene.interrupt import Terminated


class CommandError(click.ClickException):
    """`Error: …` and `hint: …` on stderr, exit 1."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message and, after a blank line, the next step."""
        say(styled("Error", fg="red", bold=True), f": {one_line(self.message, sys.stderr)}", err=True)
        if self.hint:
            say(f"\nhint: {self.hint}", err=True)


class Interrupted(click.ClickException):
    """Ctrl-C: a line on what was kept, exit 130 as shells expect."""

    exit_code = 128 + SIGINT

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line, below the `^C` that the terminal left."""
        say(f"\nInterrupted: {self.message}", err=True)


class Ended(Interrupted):
    """The same after SIGTERM: exit 143."""

    exit_code = 128 + SIGTERM


@contextmanager
def told(settings: Settings) -> Iterator[None]:
    """Turn what the library and the system raise into the two above, and show our warnings.

    What a wrong call repeats of the user's words is made visible, too.
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
        raise CommandError(error.message, error.hint) from error
    except KeyboardInterrupt as error:
        end = Ended if isinstance(error, Terminated) else Interrupted
        raise end(settings.kept) from error
    except OSError as error:
        if error.errno == errno.EPIPE:  # the reader has gone, as with `| head`: click ends quietly
            raise
        raise CommandError(_system(error)) from error


def _take_warnings() -> None:
    """Say ours in a sentence. Those of other packages are for developers, who ask with `-W`."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    warnings.simplefilter("always", PhospheneWarning)
    said: set[str] = set()

    def warn(message: Warning | str, *_: object, **__: object) -> None:
        if str(message) not in said:  # once, though a picture is shown twice
            said.add(str(message))
            say(
                styled("Warning", fg="yellow", bold=True), f": {one_line(str(message), sys.stderr)}", err=True
            )

    warnings.showwarning = warn


def _system(error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and not error.filename:
        return "the current folder is not there any more"  # what os.getcwd says of it
    reason = error.strerror or str(error) or type(error).__name__
    return f"`{error.filename}`: {reason}" if error.filename else reason
