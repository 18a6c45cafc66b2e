"""What this machine has for models, its processor and memory, without importing torch."""

import os
import platform
import shutil
import subprocess
import sys
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


def peak_memory() -> int | None:
    """The most bytes that this process has had in use: of a GPU if it used one, and else of the machine."""
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return int(torch.cuda.max_memory_allocated())
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB


@cache
def processor() -> str:
    """The name of the processor and its widest vector instructions, as names on rented machines are vague."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    flags = fields.get("flags", "").split()
    wide = next((name for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags), "")
    return ", ".join(filter(None, (fields.get("model name", platform.machine()), wide)))
