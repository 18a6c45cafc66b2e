"""Records the figures of a bench for `--json`, with the command, the date and the machine.

`bench/tables.py` writes `docs/benchmarks.md` from these files.
"""

import json
import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from phosphene.machine import processor

# The processes that were running or waiting before the bench began, on average over the last minute.
LOAD = os.getloadavg()[0]


def write(path: Path, figures: Any) -> None:
    """Write the figures of the running script to a file, and make its folder if necessary."""
    content = {
        "command": command(path),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "figures": figures,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def command(path: Path) -> str:
    """The command without `--json FILE`, and the limit on torch's threads if there is one."""
    threads = os.environ.get("OMP_NUM_THREADS")
    words = [word for word in sys.argv[1:] if word not in ("--json", str(path), f"--json={path}")]
    call = shlex.join(["python", f"bench/{Path(sys.argv[0]).name}", *words])
    return f"OMP_NUM_THREADS={threads} {call}" if threads else call


def machine() -> dict[str, Any]:
    """The processor, cores, memory and versions of this machine, and its load before the bench began."""
    from importlib.metadata import version

    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(pages / 1e9),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "load_before": round(LOAD, 1),
    }
