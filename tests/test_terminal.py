"""Pictures in a terminal are sent by the right protocol, and the picture comes through."""

import base64
import io
import os
import re
from collections.abc import Mapping

import numpy as np
import pyte
import pytest
from PIL import Image
from PIL.Image import Image as Picture

from phosphene.render.terminal import GAP, How, columns, detect, inline

EVERY: list[How] = ["kitty", "iterm2", "blocks", "coarse"]
RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Ascii(Terminal):
    encoding = "ascii"


def flat(colour: tuple[int, int, int], size: tuple[int, int] = (64, 64)) -> Picture:
    return Image.new("RGB", size, colour)


def screen(text: str, wide: int = 80, high: int = 40) -> pyte.Screen:
    shown = pyte.Screen(wide, high)
    pyte.Stream(shown).feed(text.replace("\n", "\r\n"))
    return shown


def cell(shown: pyte.Screen, row: int, column: int) -> tuple[str, str, str]:
    """A character with its foreground and background colour."""
    found = shown.buffer[row][column]
    return found.data, found.fg, found.bg


def kitty_picture(text: str) -> Picture:
    parts = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert all(len(payload) <= 4096 for _, payload in parts)
    assert [("m=1" in keys.split(",")) for keys, _ in parts] == [True] * (len(parts) - 1) + [False]
    assert all("a=T" not in keys for keys, _ in parts[1:])
    return Image.open(io.BytesIO(base64.b64decode("".join(payload for _, payload in parts))))


# ── the protocol ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("environment", "how"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, "iterm2"),
        ({"TERM": "xterm-256color", "WEZTERM_PANE": "0"}, "iterm2"),
        ({"TERM": "xterm-256color"}, "blocks"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, "coarse"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode", "KITTY_WINDOW_ID": "1"}, "blocks"),
        ({"TERM": "xterm-kitty", "TERM_PROGRAM": "WezTerm"}, "kitty"),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, "blocks"),
        ({"TERM": "screen-256color", "TERM_PROGRAM": "iTerm.app"}, "coarse"),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux-0/default,1,0"}, "blocks"),
        ({"TERM": "xterm-kitty", "NO_COLOR": "1"}, "kitty"),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, "blocks"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, None),
        ({"TERM": "dumb", "KITTY_WINDOW_ID": "1"}, None),
        ({}, None),
    ],
)
def test_the_protocol_is_told_from_the_environment(environment: Mapping[str, str], how: How | None) -> None:
    assert detect(Terminal(), environment) == how


def test_a_pipe_shows_no_pictures() -> None:
    assert detect(io.StringIO(), {"TERM": "xterm-kitty"}) is None


def test_a_terminal_without_unicode_shows_no_pictures() -> None:
    assert detect(Ascii(), {"TERM": "xterm-256color"}) is None


def test_a_terminal_that_does_not_know_its_size_is_80_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((0, 0)))

    assert columns() == 80


# ── the text that is sent ─────────────────────────────────────────────────────────────────


def test_half_blocks_hold_two_pixels_each() -> None:
    picture = flat(RED, (40, 40))
    picture.paste(BLUE, (0, 20, 40, 40))
    picture.paste(GREEN, (20, 0, 40, 20))
    shown = screen(inline([picture], "blocks", widest=4))

    assert cell(shown, 0, 0) == ("▀", "ff0000", "ff0000")
    assert cell(shown, 0, 3) == ("▀", "00ff00", "00ff00")
    assert cell(shown, 1, 0) == ("▀", "0000ff", "0000ff")
    assert cell(shown, 0, 4)[0] == " "
    assert cell(screen(inline([picture.crop((0, 10, 20, 30))], "blocks", widest=2)), 0, 1) == (
        "▀",
        "ff0000",
        "0000ff",
    )


def test_half_blocks_show_the_picture_that_was_given() -> None:
    ramp = np.zeros((48, 48, 3), np.uint8)
    ramp[:, :, 0] = np.arange(48) * 5
    ramp[:, :, 2] = np.arange(48)[:, None] * 5
    shown = screen(inline([Image.fromarray(ramp)], "blocks", widest=24))

    for row in range(12):
        for column in range(24):
            _, upper, lower = cell(shown, row, column)
            for half, colour in enumerate((upper, lower)):
                expected = ramp[(2 * row + half) * 2 : (2 * row + half) * 2 + 2, 2 * column : 2 * column + 2]
                found = np.array([int(colour[start : start + 2], 16) for start in (0, 2, 4)])
                assert np.abs(found - expected.mean(axis=(0, 1))).max() < 12


def test_colours_do_not_leak_out_of_a_picture() -> None:
    shown = screen(inline([flat(RED)], "blocks", widest=10) + "after")
    line = next(row for row in range(40) if shown.display[row].startswith("after"))

    assert cell(shown, line, 0)[1:] == ("default", "default")
    assert cell(shown, 0, 10) == (" ", "default", "default")


def test_256_colours_come_near() -> None:
    shown = screen(inline([flat((250, 5, 5)), flat((128, 128, 128))], "coarse", room=42))

    assert cell(shown, 0, 0)[1] == "ff0000"
    grey = cell(shown, 0, 20 + GAP)[1]
    assert abs(int(grey[:2], 16) - 128) <= 8
    assert "38;5;" in inline([flat(RED)], "coarse")
    assert "38;2;" not in inline([flat(RED)], "coarse")


def test_several_pictures_stand_beside_each_other() -> None:
    shown = screen(inline([flat(RED), flat(BLUE)], "blocks", labels=["one", "two"], room=40))

    assert cell(shown, 0, 0)[1] == "ff0000"
    assert cell(shown, 0, 19 + GAP)[1] == "0000ff"
    assert cell(shown, 0, 19)[0] == " ", "a gap between the two"
    line = next(row for row in shown.display if "one" in row)
    assert line.index("two") == 19 + GAP


def test_pictures_that_do_not_fit_go_to_the_next_line() -> None:
    shown = screen(inline([flat(RED), flat(BLUE), flat(GREEN)], "blocks", room=20), wide=20)
    colours = [cell(shown, row, 0)[1] for row in range(40)]

    assert [colour for colour in dict.fromkeys(colours) if colour != "default"] == [
        "ff0000",
        "0000ff",
        "00ff00",
    ]


def test_a_wide_picture_stands_on_the_line_of_its_neighbours() -> None:
    shown = screen(inline([flat(RED), flat(BLUE, (200, 50))], "blocks", room=42))

    assert cell(shown, 0, 25)[0] == " "
    assert cell(shown, 9, 25)[2] == "0000ff"


@pytest.mark.parametrize("size", [(64, 64), (500, 20), (20, 500), (1, 1), (3000, 3)])
@pytest.mark.parametrize("how", EVERY)
def test_nothing_is_wider_than_the_room(how: How, size: tuple[int, int]) -> None:
    for room in (1, 7, 80, 200):
        text = inline([flat(RED, size)] * 3, how, labels=["a label that is long"] * 3, room=room)
        plain = re.sub(r"\x1b(_G.*?\x1b\\|\].*?\x07|\[[\d;]*m)", "", text)
        assert all(len(line) <= room for line in plain.splitlines())


@pytest.mark.parametrize("how", EVERY)
def test_no_pictures_are_no_text(how: How) -> None:
    assert inline([], how) == ""


def test_kitty_is_sent_the_picture_in_chunks() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (240, 240, 3), dtype=np.uint8))
    text = inline([noise], "kitty", widest=24)

    assert text.count("\x1b_G") > 10
    assert text.startswith("\x1b_Ga=T,f=100,q=2,c=24,m=1;")
    shown = kitty_picture(text)
    assert np.array_equal(np.asarray(shown.convert("RGB")), np.asarray(noise))


def test_a_small_picture_for_kitty_is_one_chunk() -> None:
    assert kitty_picture(inline([flat(RED)], "kitty")).getpixel((5, 5)) == (*RED, 255)


def test_iterm2_is_sent_the_picture() -> None:
    text = inline([flat(RED), flat(BLUE)], "iterm2", room=50)
    found = re.fullmatch(
        r"\x1b\]1337;File=inline=1;size=(\d+);width=50;preserveAspectRatio=1:(.*)\x07\n", text
    )

    assert found
    content = base64.b64decode(found[2])
    assert len(content) == int(found[1])
    shown = Image.open(io.BytesIO(content))
    assert shown.getpixel((5, 5)) == (*RED, 255)
    assert shown.getpixel((shown.width - 5, 5)) == (*BLUE, 255)
    assert shown.getpixel((shown.width // 2, 5))[3] == 0, "nothing between the two"  # type: ignore[index]


@pytest.mark.parametrize("how", EVERY)
def test_a_label_cannot_command_the_terminal(how: How) -> None:
    text = inline([flat(RED)], how, labels=["a\x1b]0;owned\x07\nb"])

    assert "\x1b]0;" not in text
    assert " ]0;owned" in text
