"""What the benches of stores measure: time, memory and space on the disk."""

import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def seconds_of(work: Callable[[], Any]) -> float:
    """The seconds that some work takes by the clock."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def percentiles(work: Callable[[int], Any], times: int) -> tuple[float, float]:
    """The median and the 95th percentile, in ms, of some work that is done for each number up to `times`."""
    taken = [1000 * seconds_of(lambda: work(number)) for number in range(times)]  # noqa: B023 — called at once
    return statistics.median(taken), float(np.percentile(taken, 95))


def weighed(folder: Path, process: int | str = "self") -> dict[str, float]:
    """The space that a store takes on the disk, and the peak memory of its process so far."""
    peak = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert peak is not None, "Linux says so"
    files = [each for each in folder.rglob("*") if each.is_file()]
    return {
        "on disk, MB": sum(each.stat().st_size for each in files) / 1e6,
        "files": len(files),
        "peak memory, MB": int(peak[1]) / 1024,
    }
