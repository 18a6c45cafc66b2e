"""Work in forked processes, which report through a pipe and may be killed."""

import json
import os
import select
import signal
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

Report = dict[str, Any]
Tell = Callable[[Report], None]


def run_forked(work: Callable[[Tell], None], seconds: float | None) -> tuple[list[Report], bool]:
    """Run work in a forked process, and kill that after `seconds`. Without `seconds`, wait for its end.

    Returns the reports that arrived, and whether the process ended by itself.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _work(work, writer)
    os.close(writer)
    text, end = bytearray(), None if seconds is None else time.monotonic() + seconds
    ended = False
    while not ended:
        left = None if end is None else max(0.0, end - time.monotonic())
        if not select.select([reader], [], [], left)[0]:
            break
        part = os.read(reader, 1 << 16)
        text += part
        ended = not part
    if not ended:
        os.kill(child, signal.SIGKILL)
    while part := os.read(reader, 1 << 16):
        text += part
    os.close(reader)
    os.waitpid(child, 0)
    return [json.loads(line) for line in text.split(b"\n")[:-1]], ended


def _report(writer: int, report: dict[str, Any]) -> None:
    os.write(writer, json.dumps(report).encode() + b"\n")


def _work(work: Callable[[Tell], None], writer: int) -> None:
    """Do the work in the forked process, and exit without returning."""
    try:
        work(partial(_report, writer))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def finish(work: Callable[[Tell], None]) -> list[Report]:
    """Run work in a forked process to its end, and return its reports."""
    return run_forked(work, None)[0]
