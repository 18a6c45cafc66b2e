"""How commands speak: results on stdout, everything else on stderr.

Results are a table in a terminal, tab-separated lines in a pipe (so that paths stay whole and
`grep` and `cut` work), one JSON object per line with `--json`, and bare ids with `-q`. All of it
is printed by `streams.say`, which lets no terminal obey what strangers wrote.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.streams import Styled, one_line, say, styled, visible, write

if TYPE_CHECKING:
    from phosphene.generation import Step

Record = Mapping[str, Any]
Advance = Callable[[int, int | None], None]  # done, total (None: not known yet)
PARTS = 100  # of a progress bar where shares are told: per cent
CAPTION_WIDTH = 48


@dataclass(frozen=True, slots=True)
class Column:
    """A key of the records and how people see it."""

    key: str
    heading: str
    show: Callable[[Any], str] = str
    path: bool = False  # paths are never shortened


@dataclass(frozen=True, slots=True)
class Output:
    """How one command speaks."""

    json: bool = False
    quiet: bool = False

    def rows(self, records: Sequence[Record], columns: Sequence[Column], key: str = "id") -> None:
        """Print a listing; with `-q` only what names each record, its `key`."""
        if self.json:
            for record in records:
                self.record(record)
        elif self.quiet:
            for record in records:
                say(one_line(str(record[key]), sys.stdout))
        elif sys.stdout.isatty():
            for line in _table(records, columns):
                say(line)
        else:
            for record in records:
                write("\t".join(_cell(record, column) for column in columns) + "\n")

    def fields(self, record: Record, shown: Mapping[str, object] | None = None) -> None:
        """Print one object: all of it as JSON, or `shown` (by default the same) as lines."""
        if self.json:
            self.record(record)
            return
        shown = shown or record
        width = max(map(len, shown), default=0)
        for key, value in shown.items():
            text = one_line(str(value), sys.stdout, path=isinstance(value, Path))
            write(f"{key:<{width}}  {text}\n" if sys.stdout.isatty() else f"{key}\t{text}\n")

    def summary(self, text: str, record: Record) -> None:
        """Print what was done, in a sentence or as one JSON object."""
        if self.json:
            self.record(record)
        elif not self.quiet:
            say(text)

    def record(self, record: Record) -> None:
        """Print one JSON line, in ASCII: a name that is no valid Unicode survives as an escape."""
        write(json.dumps(record) + "\n")

    def note(self, text: str) -> None:
        """Say something that is no result."""
        if not self.quiet:
            say(text, err=True)

    def wrote(self, path: Path) -> None:
        """Name a file that was written besides the results."""
        self.note(f"wrote {one_line(str(path), sys.stderr, path=True)}")

    def confirm(self, question: str) -> None:
        """Ask on a terminal, and stop on a no; where nobody can answer, name `--yes`."""
        if not sys.stdin.isatty():
            raise click.UsageError(f"{question} Nobody can answer here: say so with --yes")
        click.confirm(visible(question), abort=True, err=True)

    @contextmanager
    def progress(self, what: str) -> Iterator[Advance]:
        """A bar on stderr in a terminal, nothing anywhere else."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda done, total: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        text = TextColumn("{task.description}", markup=False)
        columns = (text, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(visible(what), total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    @contextmanager
    def fetching(self, what: str) -> Iterator[Callable[[int], None]]:
        """What is told how many bytes have come, and shows a bar from the first ones on."""
        with ExitStack() as bar:
            advance: Advance | None = None
            come = 0

            def count(more: int) -> None:
                nonlocal advance, come
                come += more
                advance = advance or bar.enter_context(self.progress(what))
                advance(come, None)

            yield count


def on_step(advance: Advance) -> "Callable[[Step], None]":
    """Move a progress bar with the steps of a generator."""
    return lambda step: advance(round(step.share * PARTS), PARTS)


def shortened(text: str, width: int = CAPTION_WIDTH) -> str:
    """The text cut at a word, with an ellipsis, to at most `width` letters."""
    if len(text) <= width:
        return text
    return text[: width - 1].rsplit(" ", 1)[0].rstrip(" ,.;") + "…"


def nearby(place: Path | str) -> str:
    """A path as short as it can be written from here; a URL as it is."""
    if isinstance(place, str) and "://" in place:
        return place
    path = Path(place)
    try:
        folder = Path.cwd()
    except OSError:  # it was deleted, or cannot be read
        return str(path)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _cell(record: Record, column: Column) -> str:
    value = record[column.key]
    return "" if value is None else one_line(column.show(value), sys.stdout, path=column.path)


def _table(records: Sequence[Record], columns: Sequence[Column]) -> Iterator[str | Styled]:
    """Aligned lines under dim headings. A path comes last and whole: the terminal may wrap it."""
    from rich.cells import cell_len

    lines = [[_cell(record, column) for column in columns] for record in records]
    lines = [
        [text if column.path else shortened(text) for text, column in zip(line, columns, strict=True)]
        for line in lines
    ]
    lines.insert(0, [column.heading for column in columns])
    widths = [max(map(cell_len, cells)) for cells in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        padded = (text + " " * (width - cell_len(text)) for text, width in zip(line, widths, strict=True))
        said = "  ".join(padded).rstrip()
        yield said if number else styled(said, dim=True)
