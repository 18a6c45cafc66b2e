"""The tasks that phosphene and its peers do in turns, each of them as a process of its own."""

import itertools
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from peer_pictures import photographs, tiny
from peer_tools import WORDS, ClipRetrieval, Phosphene, Tool
from processes import Cost, in_turns, run

SAME = 24  # pictures that show that the tools run the same model
LEAST_COSINE = 0.99
Row = tuple[str, Mapping[str, Cost]]


@dataclass(frozen=True, slots=True)
class Extent:
    """How many pictures each task has, and how often it runs."""

    searched: int
    large: int
    small: int
    unchanged: int
    runs: int
    add_runs: int


QUICK = Extent(searched=500, large=16, small=48, unchanged=500, runs=1, add_runs=1)


def same_model(tools: list[Tool], folder: Path) -> dict[str, Any]:
    """How the vectors and the ranking of each tool agree with those of the first one."""
    pictures = photographs(folder / "pictures" / "same", SAME, (320, 240), different=SAME)
    vectors, ranked = {}, {}
    for tool in tools:
        index = folder / "indexes" / f"{tool.name}-same"
        tool.empty(index)
        run(tool.add(pictures, index))
        if isinstance(tool, ClipRetrieval):
            run(tool.make_searchable(index))
        vectors[tool.name] = tool.vectors(index)
        ranked[tool.name] = tool.found(run(tool.search(WORDS, pictures, index)).output)
    return compared(vectors, ranked)


def compared(vectors: Mapping[str, Mapping[str, Any]], ranked: Mapping[str, list[str]]) -> dict[str, Any]:
    """How the vectors and the hits of each tool agree with those of the first one."""
    first = next(iter(vectors))
    cosines = {
        name: min(float(vector @ vectors[first][file]) for file, vector in each.items())
        for name, each in vectors.items()
    }
    if min(cosines.values()) < LEAST_COSINE:
        raise RuntimeError(f"the tools do not run the same model: {cosines}")
    return {
        "least cosine": {name: round(cosine, 5) for name, cosine in cosines.items()},
        "of the first ten hits": {name: len({*hits} & {*ranked[first]}) for name, hits in ranked.items()},
        "the same best hit": {name: hits[0] == ranked[first][0] for name, hits in ranked.items()},
        "first numbers": {
            name: [round(float(number), 4) for number in each["0.jpg"][:3]] for name, each in vectors.items()
        },
    }


def querying(tools: list[Tool], extent: Extent, folder: Path) -> Iterator[Row]:
    """A search for new words, and one for the same words again."""
    pictures = tiny(folder / "pictures" / f"tiny-{extent.searched}", extent.searched)
    indexes = {tool.name: filled(tool, pictures, folder) for tool in tools}

    def search(tool: Tool, words: Callable[[], str]) -> Callable[[], Cost]:
        return lambda: run(tool.search(words(), pictures, indexes[tool.name]))

    for tool in tools:
        search(tool, lambda: WORDS)()  # reads files that no later search has to read from the disk
    new = itertools.count(time.time_ns())
    for title, words in (
        ("new words", lambda: f"{WORDS} {next(new)}"),
        ("the same words again", lambda: WORDS),
    ):
        tasks = {tool.name: search(tool, words) for tool in tools}
        yield f"search {extent.searched:,} pictures for {title}", in_turns(tasks, extent.runs)


def adding(tools: list[Tool], count: int, size: tuple[int, int], runs: int, folder: Path) -> Row:
    """Adding a folder to a new index."""
    name = f"{size[0]}×{size[1]}"
    pictures = photographs(folder / "pictures" / f"{name}-{count}", count, size)

    def add(tool: Tool) -> Cost:
        with TemporaryDirectory(dir=folder) as temporary:
            index = Path(temporary, "index")
            tool.empty(index)
            return run(tool.add(pictures, index))

    costs = in_turns({tool.name: partial(add, tool) for tool in tools}, runs)
    return f"add {count:,} JPEGs of {name}", costs


def rerunning(tools: list[Tool], extent: Extent, folder: Path) -> Row:
    """Adding a folder again that has not changed."""
    pictures = tiny(folder / "pictures" / f"tiny-{extent.unchanged}", extent.unchanged)
    again = {tool.name: tool.add(pictures, filled(tool, pictures, folder)) for tool in tools}
    for command in again.values():
        run(command)
    tasks = {name: partial(run, command) for name, command in again.items()}
    return f"add {extent.unchanged:,} unchanged files again", in_turns(tasks, extent.runs)


def filled(tool: Tool, pictures: Path, folder: Path) -> Path:
    """The tool's index of a folder of tiny pictures. Those of peers are kept for the next time."""
    index = folder / "indexes" / f"{tool.name}-{tool.version}-{pictures.name}"
    if isinstance(tool, Phosphene) or not index.exists():
        unfinished = index.with_name(f"{index.name}.unfinished")
        for place in (unfinished, index):
            shutil.rmtree(place, ignore_errors=True)
        tool.fill(pictures, unfinished)
        unfinished.rename(index)
    return index
