"""The tables of `docs/benchmarks.md` on speed, size and safety, from the runs in `runs/*.json`.

`make docs` calls these functions by cog, and a test fails if a page and the runs differ. So no figure is
typed by hand.
"""

from collections.abc import Mapping
from typing import Any

from runs import Run, shares, table

from phosphene.byte_sizes import gigabytes


def negative(run: Run) -> str:
    """How well a negative prompt works."""
    found = run.figures
    return table(
        ("", "without", "with `--negative`"),
        [
            ("pictures that show what is to be avoided", *shares(found, "shown_without", "shown_with")),
            ("share of everything else that the prompts name", *shares(found, "rest_without", "rest_with")),
            ("prompts", found["prompts"], found["prompts"]),
        ],
    )


def duplicates(run: Run) -> str:
    """How well copies of pictures are found, and what the comparison costs."""
    found = run.figures
    return table(
        ("", ""),
        [
            ("copies that are found", f"{found['found']:.3f}"),
            ("pairs that are copies", f"{found['precision']:.3f}"),
            ("vectors compared", f"{found['vectors']:,}"),
            ("CPU s", found["CPU s"]),
            *([("s", found["s"])] if run.idle else []),
            ("GB at most", found["GB at most"]),
        ],
    )


def generating(run: Run) -> str:
    """What `Library.generate` costs besides the bare generator."""
    found = run.figures
    pictures, candidates = found["pictures a call"], found["candidates a picture"]
    units = {"CPU s": "ratio of CPU s"} | ({"s": "ratio"} if run.idle else {})
    rows = {"the bare generator": "bare generator", "`Library.generate`": "search to stored"}
    each = f", each the best of {candidates} candidates" if candidates > 1 else ""
    return table(
        (f"{pictures} pictures{each}", *units),
        [
            *(
                (title, *(f"{found[f'{name}, {unit}']:.1f}" for unit in units))
                for title, name in rows.items()
            ),
            ("ratio", *(f"{found[ratio]:.2f}" for ratio in units.values())),
        ],
    )


def families(run: Run) -> str:
    """What pretrained families cost, and what phosphene adds to their bare pipelines."""
    found = run.figures
    names = next(iter(found.values()))
    shown = [name for name in names if run.idle or not name.endswith((", s", "by seconds", "the limit"))]
    return table(("", *found), [(name, *(each[name] for each in found.values())) for name in shown])


def adding(run: Run) -> str:
    """How fast pictures are added."""
    models = run.figures
    rows = {
        "pictures": "pictures added",
        "decode, ms": "decoding, CPU ms a picture",
        "preprocess, ms": "preprocessing, CPU ms a picture",
        "forward, ms": "forward pass, CPU ms a picture",
        "end to end, ms": "`Library.add`, CPU ms a picture",
        **({"images/s": "pictures/s"} if run.idle else {}),
        "of the CPU time": "three steps ÷ `Library.add`, by CPU time",
    }
    return table(
        ("", *models),
        [(title, *(found[name] for found in models.values())) for name, title in rows.items()],
    )


def candidates(run: Run) -> str:
    """What the models cost that could be the default one."""
    return costs(run.figures)


def costs(models: Mapping[str, Mapping[str, Any]]) -> str:
    """A column for each model, with the figures of `candidates`."""
    rows = list(next(iter(models.values())))
    return table(
        ("", *models),
        [(name, *(_shown(name, found[name]) for found in models.values())) for name in rows],
    )


def _shown(name: str, value: Any) -> str:
    return gigabytes(value) if name in ("download", "search, peak memory") else str(value)


def stores(run: Run) -> str:
    """The speed and the size of both stores."""
    columns = run.figures
    first = next(iter(columns.values()))
    seconds = {
        "adds/s": "images added a second",
        "near 10, p50 ms": "the ten nearest, ms (p50)",
        "near 10, p95 ms": "the ten nearest, ms (p95)",
    }
    rows = {
        "add, CPU ms": "adding an image, CPU ms",
        "near 10, CPU ms": "the ten nearest, CPU ms",
        **(seconds if run.idle else {}),
        "recall@10": "of the true ten nearest are found",
        **({"index built, CPU s": "building the index, CPU s"} if "index built, CPU s" in first else {}),
        "on disk, MB": "on the disk, MB",
        "peak memory, MB": "memory at most, MB",
    }
    return table(
        ("", *columns),
        [
            (title, *(_rounded(column.get(name)) for column in columns.values()))
            for name, title in rows.items()
        ],
    )


def filters(run: Run) -> str:
    """What filters add to a search."""
    found = run.figures
    rows = [(name, f"{found['found'][name]:,}", each) for name, each in found["cpu_ms"].items()]
    return table(("filter", "images for which it holds", "the ten nearest, CPU ms"), rows)


def serving(run: Run) -> str:
    """The module for Weaviate compared with the stock container."""
    rows = run.figures
    stock = {one["clients"]: one["requests/s"] for one in rows if one["service"] == "stock"}
    units = ("requests/s", "p50 ms", "p95 ms") if run.idle else ()
    return table(
        ("clients", "service", "requests/s, of stock", "CPU ms a request", *units),
        [
            (
                one["clients"],
                one["service"],
                f"{one['requests/s'] / stock[one['clients']]:.2f}",
                *(_rounded(one[name]) for name in ("CPU ms", *units)),
            )
            for one in rows
        ],
    )


def starting(run: Run) -> str:
    """How soon the command line answers."""
    found = run.figures
    rows = {
        '`python -c "import click"`': "import click",
        "`phosphene --help`": "--help",
        "a search for new words, which loads the model": "first search",
        "the same search again": "repeated search",
    }
    units = ("CPU s", "MB", "s") if run.idle else ("CPU s", "MB")
    commands = table(
        ("a process of its own", *units),
        [(title, *(f"{found[f'{name}, {unit}']:.3g}" for unit in units)) for title, name in rows.items()],
    )
    following = (
        f"The next search of a process compares with {found['images']:,} vectors of 512 numbers in"
        f" {found['next search / product']:.2f} × the time of numpy's product of the same vectors."
    )
    return f"{commands}\n\n{following}"


def peers(run: Run) -> str:
    """Whole commands of phosphene and of its peers."""
    found = run.figures
    units = ("CPU s", "MB", *(("s",) if run.idle else ()))
    rows = [
        (task, name, *(_rounded(one[unit]) for unit in units), f"{one['phosphene ÷ this, CPU']:.2f}")
        for task, costs in found["tasks"].items()
        for name, one in costs.items()
    ]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    header = ("what", "program", *units, "phosphene ÷ it, by CPU time")
    return f"{table(header, rows)}\n\n{versions}. {_installed(found)}".rstrip()


def _installed(found: Mapping[str, Any]) -> str:
    """A sentence on the size of the environments, if they were weighed."""
    if "installed, MB" not in found:
        return ""
    sizes = ", ".join(f"{name} {size:,}" for name, size in found["installed, MB"].items())
    return f"MB of a fresh environment: {sizes}."


def kills(run: Run) -> str:
    """How many commits survive kills and damage."""
    rows = [
        (name, found["tries"], f"{found['promised']:,}", f"{found['kept']:,}")
        for name, found in run.figures.items()
        if found["tries"]
    ]
    return table(("what was stopped", "times", "reported as committed", "there afterwards"), rows)


def scale(run: Run) -> str:
    """The rates of Ray's workers, and the plan that follows from them."""
    rows = {**run.figures, **run.figures["plan"], "pictures": run.figures["pictures"]}
    del rows["plan"]
    return table(("", ""), [(name, f"{value:,}") for name, value in rows.items()])


def _rounded(value: float | None) -> str:
    """A figure with three significant digits, or nothing if a column has no such figure."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
