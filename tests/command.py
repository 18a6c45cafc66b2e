"""The command line in a test: in this process, or as a process of its own."""

import json
import signal
import subprocess
import sys
from typing import Any

from click.testing import CliRunner, Result

from phosphene.cli import phosphene


def run(*words: object, **extra: Any) -> Result:
    """The command in this process; an exception that is no exit is a failure of the test."""
    result = CliRunner().invoke(phosphene, [str(word) for word in words], **extra)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def lines(*words: object) -> list[dict[str, Any]]:
    """What a command that ends well prints as JSON."""
    result = run(*words, "--json")
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def process(*words: object, **extra: Any) -> subprocess.Popen[str]:
    """The command as a process of its own, with pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "phosphene", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
        **extra,
    )


def heed_interrupts() -> None:
    """A shell that runs the tests in the background has told its children to ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
