"""What the benches wrote into `runs/*.json`, and tables in Markdown."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

RUNS = Path(__file__).parent.parent / "runs"


def read(name: str) -> dict[str, Any]:
    """What a bench wrote."""
    content: dict[str, Any] = json.loads((RUNS / f"{name}.json").read_text(encoding="utf-8"))
    return content


def figures(name: str) -> Any:
    """The figures of a bench."""
    return read(name)["figures"]


def source(name: str) -> str:
    """A sentence on how, when and where a bench was run."""
    run = read(name)
    machine = run["machine"]
    load = machine["load_before"]
    busy = (
        ""
        if load is None
        else f" When it began, {load:.1f} other processes were running or waiting for a core."
    )
    return (
        f"`{run['command']}`, on {run['date']}, on {machine['cores']} cores ({machine['processor']}) "
        f"with {machine['memory_gb']} GB, Python {machine['python']} and torch {machine['torch']}.{busy}"
    )


def section(name: str, table: Callable[[], str]) -> str:
    """The table of a bench, and how it was run."""
    if not (RUNS / f"{name}.json").exists():
        return f"Not measured yet in this version. `python bench/{name}.py --json runs/{name}.json` does it."
    return f"{table()}\n\n{source(name)}"


def idle(name: str) -> bool:
    """Whether the machine had little else to do, so that seconds mean something."""
    machine = read(name)["machine"]
    return bool(machine["load_before"] is not None and machine["load_before"] <= machine["cores"] / 2)


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def shares(found: Mapping[str, float], *names: str) -> list[str]:
    """Some of the figures, which are shares, with three digits."""
    return [f"{found[name]:.3f}" for name in names]
