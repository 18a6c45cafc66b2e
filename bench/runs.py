"""The runs of the benches, which are kept in `runs/*.json`, and tables in Markdown."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNS = Path(__file__).parent.parent / "runs"


@dataclass(frozen=True, slots=True)
class Run:
    """The figures of a bench, with the command, the date and the machine that they come from."""

    figures: Any
    machine: Mapping[str, Any]
    command: str = ""
    date: str = ""

    @property
    def idle(self) -> bool:
        """Whether the machine had little else to do, so that seconds mean something."""
        load = self.machine["load_before"]
        return bool(load is not None and load <= self.machine["cores"] / 2)

    @property
    def source(self) -> str:
        """A sentence on how, when and where the bench was run."""
        machine, load = self.machine, self.machine["load_before"]
        busy = (
            ""
            if load is None
            else f" When it began, {load:.1f} other processes were running or waiting for a core."
        )
        return (
            f"`{self.command}`, on {self.date}, on {machine['cores']} cores ({machine['processor']}) "
            f"with {machine['memory_gb']} GB, Python {machine['python']} and torch {machine['torch']}.{busy}"
        )


def read(name: str, folder: Path = RUNS) -> Run:
    """The run of a bench, which `record.write` wrote."""
    return Run(**json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))


def section(name: str, table: Callable[[Run], str], folder: Path = RUNS) -> str:
    """The table of a bench, and how it was run."""
    if not (folder / f"{name}.json").exists():
        return f"Not measured yet in this version. `python bench/{name}.py --json runs/{name}.json` does it."
    run = read(name, folder)
    return f"{table(run)}\n\n{run.source}"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def shares(found: Mapping[str, float], *names: str) -> list[str]:
    """Some of the figures, which are shares, with three digits."""
    return [f"{found[name]:.3f}" for name in names]
