"""Gives free memory back to the system."""

import ctypes
import sys


def trim_memory() -> None:
    """Let glibc return the memory that it keeps for later: hundreds of MB after large requests and merges."""
    if trim := getattr(_LIBC, "malloc_trim", None):
        trim(0)


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
