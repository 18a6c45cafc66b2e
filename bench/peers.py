"""Measure whole commands of phosphene beside those of rclip and clip-retrieval, with the same weights.

    python bench/peers.py [--only query add rerun] [--peers rclip clip-retrieval] [--quick] [--install]
                          [--folder runs/peers] [--json FILE]

The peers come from the package index, each into an environment of its own in --folder, which may be kept for
the next time. All have the same random weights of ViT-B-32-256: rclip as ONNX, the others as a state dict.
First, 24 pictures are added and a query is asked, to show that all compute the same vectors and the same
ranking. Then each task runs some times as a process of its own, in turns, on all cores. The figures are the
medians of CPU seconds, seconds by the clock, and the memory of the largest process.

- `query` is a search for words that were not asked before, and a search for the same words again. The
  indexes are made by the tools' own code from random vectors, so that this takes no hour.
- `add` adds JPEGs to a new library. rclip cannot add without searching, so its search is part of it.
  clip-retrieval only embeds them: its `index` is left out. Its command begins with a warm-up, whose seconds
  are printed.
- `rerun` adds files again that have not changed. clip-retrieval would embed all of them again, so it is not
  asked.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import peer_environments
import record
from peer_tasks import QUICK, Extent, Row, adding, querying, rerunning, same_model
from peer_tools import ClipRetrieval, Phosphene, Rclip, Tool, warm_up
from peer_weights import weights
from processes import Cost

from phosphene.config import cores

ROOT = Path(__file__).parent.parent
OURS, PEERS, TASKS = "phosphene", ("rclip", "clip-retrieval"), ("query", "add", "rerun")
LARGE, SMALL = (4000, 3000), (640, 480)  # pixels


def main() -> None:
    arguments = _arguments()
    folder = arguments.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    tools = list(tools_of(arguments.peers, folder))
    extent = QUICK if arguments.quick else Extent(*(getattr(arguments, name) for name in Extent.__slots__))
    figures: dict[str, Any] = {"versions": {tool.name: tool.version for tool in tools}}
    _say("; ".join(f"{name} {version}" for name, version in figures["versions"].items()))
    figures["same model"] = same_model(tools, folder)
    _say("\n".join(f"{what}: {values}" for what, values in figures["same model"].items()))
    figures["tasks"] = {}
    for title, costs in rows(tools, arguments.only, extent, folder):
        figures["tasks"][title] = {name: told(cost, costs[OURS]) for name, cost in costs.items()}
        _show(title, figures["tasks"][title])
    if arguments.install:
        figures["installed, MB"] = installed(arguments.peers, folder)
        _say(str(figures["installed, MB"]))
    if arguments.json:
        record.write(arguments.json, figures)


def tools_of(peers: Sequence[str], folder: Path) -> Iterator[Tool]:
    """The peers that were named, and phosphene."""
    made = weights(folder / "weights")
    if "rclip" in peers:
        yield Rclip(peer_environments.python_of("rclip", folder), made)
    if "clip-retrieval" in peers:
        yield ClipRetrieval(peer_environments.python_of("clip-retrieval", folder), made, cores())
    yield Phosphene(made, folder / "home")


def rows(tools: list[Tool], only: Sequence[str], extent: Extent, folder: Path) -> Iterator[Row]:
    """The medians of each task, by the tools' names."""
    if "query" in only:
        yield from querying(tools, extent, folder)
    if "add" in only:
        for count, size in ((extent.large, LARGE), (extent.small, SMALL)):
            if count:
                yield adding(tools, count, size, extent.add_runs, folder)
    if "rerun" in only:
        yield rerunning([tool for tool in tools if tool.reruns], extent, folder)


def told(cost: Cost, ours: Cost) -> dict[str, float]:
    """The figures of a task, and what part of its CPU time and memory phosphene takes."""
    figures = {
        "CPU s": round(cost.cpu, 3),
        "s": round(cost.seconds, 3),
        "MB": round(cost.peak),
        "phosphene ÷ this, CPU": round(ours.cpu / cost.cpu, 3),
        "phosphene ÷ this, s": round(ours.seconds / cost.seconds, 3),
        "phosphene ÷ this, MB": round(ours.peak / cost.peak, 3),
    }
    warming = warm_up(cost.output)
    return figures | ({"of these for a warm-up, s": round(warming, 1)} if warming else {})


def installed(peers: Sequence[str], folder: Path) -> dict[str, int]:
    """The MB of the packages in each environment, and in a fresh one with phosphene."""
    packages = {name: peer_environments.packages_in(folder / name) for name in peers}
    with TemporaryDirectory(dir=folder) as place:
        packages[OURS] = peer_environments.install(Path(place), [str(ROOT)])
        return {name: round(peer_environments.weight(each)) for name, each in packages.items()}


def _show(title: str, costs: Mapping[str, Mapping[str, float]]) -> None:
    _say(title)
    for name, figures in costs.items():
        _say(f"  {name:<16}" + "  ".join(f"{what} {value:g}" for what, value in figures.items()))


def _say(line: str) -> None:
    print(line, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS)
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "peers", help="environments, pictures")
    parser.add_argument("--searched", type=int, default=10_000, help="pictures in the indexes of `query`")
    parser.add_argument("--large", type=int, default=1_000, help="JPEGs of 12 megapixels to add")
    parser.add_argument("--small", type=int, default=5_000, help="JPEGs of 640×480 pixels to add")
    parser.add_argument("--unchanged", type=int, default=50_000, help="files of `rerun`")
    parser.add_argument("--runs", type=int, default=5, help="of `query` and `rerun`")
    parser.add_argument("--add-runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="few pictures and single runs: does it work?")
    parser.add_argument("--install", action="store_true", help="also weigh the environments; takes minutes")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
