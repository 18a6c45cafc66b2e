"""Runs the command line, in the process of the test or in one of its own."""

import json
import os
import pty
import signal
import subprocess
import sys
from typing import Any

from click.testing import CliRunner, Result

from phosphene.cli import phosphene


def run(*words: object, **extra: Any) -> Result:
    """Run the command in this process. An exception other than an exit fails the test."""
    result = CliRunner().invoke(phosphene, [str(word) for word in words], **extra)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def lines(*words: object) -> list[dict[str, Any]]:
    """Run a command that must succeed, and return the JSON that it prints."""
    result = run(*words, "--json")
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def process(*words: object, **extra: Any) -> subprocess.Popen[str]:
    """Start the command as a process of its own, with pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "phosphene", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
        **extra,
    )


def in_a_terminal(*words: object, **environment: str) -> str:
    """Run a command in a terminal, and return its output."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "phosphene", *map(str, words)]
    here = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **environment}
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=here):
        os.close(slave)
        said = b""
        try:
            while piece := os.read(master, 65536):
                said += piece
        except OSError:  # how Linux says that the other end is closed
            pass
    os.close(master)
    return said.decode()


def heed_interrupts() -> None:
    """Let a child process react to Ctrl-C, which shells switch off for background processes."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
