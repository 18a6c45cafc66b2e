"""Run a command, and write what it took as JSON into a file.

    python measured.py FILE COMMAND...

This is a process of its own, because Linux counts the memory that a parent had when it started a child as
memory of the child, and a bench may be larger than what it measures.
"""

import json
import os
import sys
import time
from pathlib import Path


def main(report: str, *words: str) -> int:
    started = time.perf_counter()
    child = os.posix_spawnp(words[0], words, os.environ)
    _, status, used = os.wait4(child, 0)  # of this child and of the children that it has waited for itself
    taken = {
        "cpu": used.ru_utime + used.ru_stime,
        "seconds": time.perf_counter() - started,
        "peak": used.ru_maxrss / 1024,  # MB
    }
    Path(report).write_text(json.dumps(taken), encoding="utf-8")
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
