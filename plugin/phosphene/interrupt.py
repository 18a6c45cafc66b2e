"""Ctrl-C and SIGTERM: how work is finished before a signal takes effect."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM, which commands handle as they handle Ctrl-C."""


@contextmanager
def uninterrupted() -> Iterator[list[int]]:
    """Delay Ctrl-C and SIGTERM until the end of the block.

    A store that is interrupted in the middle of a commit goes on writing in its own threads, where the next
    commit would collide with it. The block gets a list of the signals that have arrived, so that long work
    can end early.
    """
    held: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield held  # other threads get no signals
        return

    def hold(number: int, frame: FrameType | None) -> None:
        held.append(number)

    before = {number: signal.getsignal(number) for number in SIGNALS}
    heeded = {number: handler for number, handler in before.items() if handler not in (None, signal.SIG_IGN)}
    for number in heeded:  # None: the handler was not set by Python, which cannot restore it
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
    """Raise Terminated at SIGTERM, so that a command can say what it kept."""
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
