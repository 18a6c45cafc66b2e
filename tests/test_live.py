"""The picture as it forms, in a terminal."""

import re
from collections.abc import Iterator
from pathlib import Path

import pyte
import pytest
from PIL import Image
from PIL.Image import Image as Picture

from command import in_a_terminal, run
from drawn_library import drawn_library
from phosphene.render.live import LivePicture
from phosphene.render.terminal import How

RED, BLUE = (255, 0, 0), (0, 0, 255)
WIDE, HIGH = 60, 24
SAVED = "\x1b7"  # a picture is drawn from here


def flat(colour: tuple[int, int, int]) -> Picture:
    return Image.new("RGB", (64, 64), colour)


def screen(*texts: str) -> pyte.Screen:
    shown = pyte.Screen(WIDE, HIGH)
    stream = pyte.Stream(shown)
    for text in texts:
        stream.feed(text.replace("\n", "\r\n"))
    return shown


def colours(shown: pyte.Screen) -> Iterator[tuple[int, str]]:
    """The rows that have a picture, with its colour."""
    for row in range(HIGH):
        if shown.buffer[row][0].data == "▀":
            yield row, shown.buffer[row][0].fg


@pytest.mark.parametrize("before", [1, HIGH])  # with so many lines, the screen has to scroll
def test_a_picture_takes_the_place_of_the_one_before(before: int) -> None:
    live, lines = LivePicture("blocks", 10), "line\n" * before

    first = screen(lines, live.frame(flat(RED)), "bar")
    both = screen(lines, LivePicture("blocks", 10).frame(flat(RED)), live.frame(flat(BLUE)), "bar")

    assert live.rows == 5
    assert [row for row, _ in colours(first)] == [row for row, _ in colours(both)]
    assert {colour for _, colour in colours(first)} == {"ff0000"}
    assert {colour for _, colour in colours(both)} == {"0000ff"}
    assert [line.rstrip() for line in first.display if not line.startswith("▀")] == [
        line.rstrip() for line in both.display if not line.startswith("▀")
    ]


def test_it_leaves_nothing_behind() -> None:
    live = LivePicture("blocks", 10)

    shown = screen("line\n", live.frame(flat(RED)), live.frame(flat(BLUE)), live.erased(), "bar")

    assert [line.rstrip() for line in shown.display[:3]] == ["line", "bar", ""]
    assert not list(colours(shown))
    assert LivePicture("blocks").erased() == ""


@pytest.mark.parametrize(
    ("how", "sign"),
    [("kitty", "a=T,f=100,q=2,c=10,r=5,C=1,i=1,"), ("iterm2", "width=10;preserveAspectRatio=1;height=5:")],
)
def test_protocols_are_told_the_size_and_never_scroll(how: How, sign: str) -> None:
    live = LivePicture(how, 10)
    text = live.frame(flat(RED))

    assert sign in text
    assert text.count("\n") == live.rows == 5
    assert ("a=d,d=I,i=1" in live.erased()) == (how == "kitty")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_library(tmp_path_factory.mktemp("filled"), 12)


QUICK = ("generate", "a red house", "-n", 1, "-k", 2, "--steps", 4, "--seed", 7)


def test_a_picture_is_shown_as_it_forms_and_then_once_finished(filled: Path) -> None:
    said = in_a_terminal("-L", filled, *QUICK)

    assert SAVED in said
    shown = pyte.Screen(100, 50)
    pyte.Stream(shown).feed(said)
    rows = [row for row, line in enumerate(shown.display) if re.match("[▀▄]{5}", line)]
    assert len(rows) == 12 and rows == list(range(rows[0], rows[0] + 12))


def test_nothing_forms_where_nobody_sees_it(filled: Path) -> None:
    assert SAVED not in in_a_terminal("-L", filled, *QUICK, "--preview", "off")
    assert SAVED not in in_a_terminal("-L", filled, *QUICK, LINES="10")
    piped = run("-L", filled, *QUICK)
    assert SAVED not in piped.stdout + piped.stderr
