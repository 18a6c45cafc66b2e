"""Progress of a generation: a bar and, where the terminal can, the picture as it forms."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import TYPE_CHECKING, cast

from phosphene.cli.output import PARTS, Output

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from phosphene.generation import Step
    from phosphene.render.live import LivePicture
    from phosphene.render.terminal import How

INTERVAL = 0.25  # seconds between two pictures
PATIENCE = 10  # drawing takes at most one part of so many of the time
SPARE = 4  # lines of the terminal that stay free for the bar and for notes


@contextmanager
def forming(output: Output, protocol: str) -> "Iterator[Callable[[Step], None]]":
    """Show how far a generation is. Yield the function that takes its steps."""
    picture = _picture(output, protocol)  # before the bar, which puts itself in the place of the streams
    with output.bar() as bar:
        if bar is None:
            yield lambda step: None
            return
        task = bar.add_task("generating", total=PARTS)
        drawing = Drawing(bar.console, picture) if picture else None

        def take(step: "Step") -> None:
            bar.update(task, completed=round(step.share * PARTS))
            if drawing and step.quick_preview:
                drawing.show(step)

        try:
            yield take
        finally:
            if drawing:
                drawing.end()


@dataclass(slots=True)
class Drawing:
    """Draws the predicted picture above a progress bar, a few times a second at most."""

    console: "Console"
    picture: "LivePicture"
    due: float = 0.0  # when the next one is drawn, by the monotonic clock

    def show(self, step: "Step") -> None:
        """Draw what a step predicts, if it is time."""
        if (began := time.monotonic()) < self.due:
            return
        self._write(self.picture.frame(step.preview()[0]))
        ended = time.monotonic()
        self.due = ended + max(INTERVAL, PATIENCE * (ended - began))

    def end(self) -> None:
        """Take the picture away."""
        self._write(self.picture.erased())

    def _write(self, text: str) -> None:
        self.console.print(_Unchanged(text), end="", crop=False)


@dataclass(frozen=True, slots=True)
class _Unchanged:
    """Text with escapes of our own, which rich prints as it is. The bar moves out of its way."""

    text: str

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.segment import Segment

        yield Segment(self.text, None, [])


def _picture(output: Output, protocol: str) -> "LivePicture | None":
    """The place for the picture. None if it is not wanted, or if the terminal cannot show it."""
    if protocol == "off" or output.json or output.quiet or not sys.stdout.isatty():
        return None
    from phosphene.render.live import LivePicture
    from phosphene.render.terminal import detect

    how = detect(sys.stderr, os.environ) if protocol == "auto" else cast("How", protocol)
    picture = LivePicture(how) if how else None
    has_room = picture is not None and get_terminal_size().lines >= picture.wide // 2 + SPARE
    return picture if has_room else None
