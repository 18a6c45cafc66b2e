"""The output of commands. Results go to stdout and everything else goes to stderr.

Results are a table in a terminal, and tab-separated lines in a pipe, where paths stay whole and
`grep` and `cut` work. With `--json` they are one JSON object per line, and with `-q` only ids.
`streams.say` prints all texts, and escapes what a terminal would obey.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, Literal

import click

from phosphene.cli.streams import Styled, one_line, say, styled, visible, write

if TYPE_CHECKING:
    from rich.progress import Progress

    from phosphene.generation import Step

Record = Mapping[str, Any]
Printed = Literal["table", "tsv", "paths"]
Advance = Callable[[int, int | None], None]  # takes done and total; a total of None is not known yet
PARTS = 100  # the length of a progress bar that shows per cent
CAPTION_WIDTH = 48
GAP = "  "  # between columns


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a listing. It shows one key of the records."""

    key: str
    heading: str
    show: Callable[[Any], str] = str
    path: bool = False  # paths are never shortened
    optional: bool = False  # left out where it is empty, or where the terminal is too narrow


@dataclass(frozen=True, slots=True)
class Output:
    """The output of one command."""

    json: bool = False
    quiet: bool = False
    form: Printed | None = None  # of listings; by default a table in a terminal and TSV in a pipe

    def rows(self, records: Sequence[Record], columns: Sequence[Column], key: str = "id") -> None:
        """Print a listing. With `-q` it prints only the value of `key` in each record."""
        form = self.form or ("table" if sys.stdout.isatty() else "tsv")
        if self.json:
            for record in records:
                self.record(record)
        elif self.quiet or form == "paths":
            name = "uri" if form == "paths" else key
            for record in records:
                write(one_line(str(record[name]), sys.stdout, path=form == "paths") + "\n")
        elif form == "table":
            shown = _that_fit(records, columns, get_terminal_size().columns)
            for line in _table(records, shown):
                say(line)
            if hidden := [each.heading for each in _filled(records, columns) if each not in shown]:
                self.note(f"This terminal is too narrow for: {', '.join(hidden)}. --json shows everything.")
        else:
            for record in records:
                write("\t".join(_cell(record, column) for column in columns) + "\n")

    def gap(self) -> None:
        """Separate two listings in a terminal by an empty line."""
        if sys.stdout.isatty() and not (self.json or self.quiet):
            say("")

    def fields(self, record: Record, shown: Mapping[str, object] | None = None) -> None:
        """Print one object, as JSON or as lines. The lines have the fields of `shown`, if it is given."""
        if self.json:
            self.record(record)
            return
        shown = shown or record
        width = max(map(len, shown), default=0)
        for key, value in shown.items():
            text = one_line(str(value), sys.stdout, path=isinstance(value, Path))
            write(f"{key:<{width}}  {text}\n" if sys.stdout.isatty() else f"{key}\t{text}\n")

    def summary(self, text: str, record: Record) -> None:
        """Print the outcome as a sentence or as one JSON object."""
        if self.json:
            self.record(record)
        elif not self.quiet:
            say(text)

    def record(self, record: Record) -> None:
        """Print one line of JSON in ASCII, so that a name that is not valid Unicode survives as an escape."""
        write(json.dumps(record) + "\n")

    def note(self, text: str) -> None:
        """Print a note to stderr, unless the command is quiet."""
        if not self.quiet:
            say(text, err=True)

    def wrote(self, path: Path) -> None:
        """Note that the command wrote a file."""
        self.note(f"wrote {one_line(str(path), sys.stderr, path=True)}")

    def confirm(self, question: str) -> None:
        """Ask on a terminal and stop if the answer is no. Without a terminal, ask for `--yes`."""
        if not sys.stdin.isatty():
            raise click.UsageError(f"{question} There is no terminal to ask on. Pass --yes to confirm.")
        click.confirm(visible(question), abort=True, err=True)

    @contextmanager
    def progress(self, what: str, *, in_bytes: bool = False) -> Iterator[Advance]:
        """Show a progress bar if stderr is a terminal."""
        with self.bar(in_bytes=in_bytes) as bar:
            if bar is None:
                yield lambda done, total: None
                return
            task = bar.add_task(visible(what), total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    @contextmanager
    def bar(self, *, in_bytes: bool = False) -> "Iterator[Progress | None]":
        """Show progress bars of rich, or yield None if stderr is no terminal or the command is quiet."""
        if self.quiet or not sys.stderr.isatty():
            yield None
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        text = TextColumn("{task.description}", markup=False)
        amount = DownloadColumn() if in_bytes else MofNCompleteColumn()
        columns = (text, BarColumn(), amount, TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            yield bar

    @contextmanager
    def fetching(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Yield a function that counts downloaded bytes. The first ones bring up a progress bar."""
        with ExitStack() as bar:
            advance: Advance | None = None
            fetched = 0

            def count(more: int) -> None:
                nonlocal advance, fetched
                fetched += more
                advance = advance or bar.enter_context(self.progress(what, in_bytes=True))
                advance(fetched, total)

            yield count


def on_step(advance: Advance) -> "Callable[[Step], None]":
    """Return a function that moves a progress bar with the steps of a generator."""
    return lambda step: advance(round(step.share * PARTS), PARTS)


def shortened(text: str, width: int = CAPTION_WIDTH) -> str:
    """Cut the text between words to at most `width` characters, with an ellipsis."""
    if len(text) <= width:
        return text
    return text[: width - 1].rsplit(" ", 1)[0].rstrip(" ,.;") + "…"


def nearby(place: Path | str) -> str:
    """Shorten a path relative to the current folder. A URL stays as it is."""
    if isinstance(place, str) and "://" in place:
        return place
    path = Path(place)
    try:
        folder = Path.cwd()
    except OSError:  # the current folder was deleted or cannot be read
        return str(path)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _cell(record: Record, column: Column) -> str:
    value = record[column.key]
    return "" if value is None else one_line(column.show(value), sys.stdout, path=column.path)


def _filled(records: Sequence[Record], columns: Sequence[Column]) -> list[Column]:
    """The columns without the optional ones that are empty in all rows."""
    return [
        column
        for column in columns
        if not column.optional or any(_cell(record, column) for record in records)
    ]


def _that_fit(records: Sequence[Record], columns: Sequence[Column], width: int) -> list[Column]:
    """The filled columns. While the table is wider than the terminal, the last optional one is left out."""
    shown = _filled(records, columns)
    while sum(_widths(_cells(records, shown))) + len(GAP) * (len(shown) - 1) > width:
        optional = [column for column in shown if column.optional]
        if not optional:
            break
        shown.remove(optional[-1])
    return shown


def _cells(records: Sequence[Record], columns: Sequence[Column]) -> list[list[str]]:
    """The texts of a table, with its headings first. Only paths may be long."""
    lines = [[column.heading for column in columns]]
    for record in records:
        texts = ((_cell(record, column), column.path) for column in columns)
        lines.append([text if is_path else shortened(text) for text, is_path in texts])
    return lines


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len

    return [max(map(cell_len, cells)) for cells in zip(*lines, strict=True)]


def _table(records: Sequence[Record], columns: Sequence[Column]) -> Iterator[str | Styled]:
    """Yield aligned lines under dim headings. A path comes last and stays whole. The terminal wraps it."""
    from rich.cells import cell_len

    lines = _cells(records, columns)
    widths = _widths(lines)
    for number, line in enumerate(lines):
        padded = (text + " " * (width - cell_len(text)) for text, width in zip(line, widths, strict=True))
        said = GAP.join(padded).rstrip()
        yield said if number else styled(said, dim=True)
