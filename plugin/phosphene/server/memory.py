"""Memory that is free again, back to the system."""

import ctypes
import sys


def give_back() -> None:
    """Let glibc return what it keeps for later; it keeps hundreds of MB after a few large requests."""
    if trim := getattr(_LIBC, "malloc_trim", None):
        trim(0)


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
