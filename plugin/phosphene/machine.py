"""How much memory this machine has for models, without importing torch."""

import os
import shutil
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
LIMITS = ("memory.max", "memory/memory.limit_in_bytes")  # of a container: in version 2 and 1 of cgroups
MIB = 1 << 20
ROOM = 2 << 30  # bytes that a picture and the libraries need besides the weights of a model
PATIENCE = 10.0  # seconds for nvidia-smi, which takes one or two


@cache
def main_memory(limits: Path = CGROUP) -> int:
    """Bytes of memory that this process may use: the machine's, or those of the container that it is in."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for name in LIMITS:
        with suppress(OSError, ValueError):  # not in a container, or one without a limit (`max`)
            found.append(int((limits / name).read_text()))
    return min(found)


@cache
def gpu_memory() -> int | None:
    """Bytes of memory of the largest GPU of NVIDIA, or None if nvidia-smi finds none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    asked = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=PATIENCE)
        return max(int(line) for line in told.stdout.split()) * MIB
    except (OSError, ValueError, subprocess.SubprocessError):  # no driver, or a GPU that has failed
        return None
