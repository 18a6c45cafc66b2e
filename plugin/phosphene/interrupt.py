"""Work that Ctrl-C and SIGTERM cannot cut in two."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM, where a command answers it as it answers Ctrl-C."""


@contextmanager
def uninterrupted() -> Iterator[list[int]]:
    """Hold Ctrl-C and SIGTERM back until the end of the block.

    A store that is left in the middle of a commit goes on writing in threads of its own, and the
    next commit would meet it there. The list that the block gets holds the signals that have come,
    so that long work can end early.
    """
    held: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield held  # other threads get no signals
        return

    def hold(number: int, frame: FrameType | None) -> None:
        held.append(number)

    before = {number: signal.getsignal(number) for number in SIGNALS}
    heeded = {number: handler for number, handler in before.items() if handler not in (None, signal.SIG_IGN)}
    for number in heeded:  # None is not Python's to change
        signal.signal(number, hold)
    try:
        yield held
    finally:
        for number, handler in heeded.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


@contextmanager
def terminable() -> Iterator[None]:
    """Answer SIGTERM with the exception Terminated, so that a command can say what it kept."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
