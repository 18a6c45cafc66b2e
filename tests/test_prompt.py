"""`phosphene search` without words answers one query after another, on a terminal and in a pipe."""

import json
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyte
import pytest
from PIL import Image as Pillow

from asked_library import QUERY, asked_library
from command import run
from oracle import made
from phosphene.images import thumbnail

TAB, CTRL_C, CTRL_D, UP = "\t", "\x03", "\x04", "\x1b[A"
FIRST = made(1)[0].id
PATIENCE = 60  # seconds until a test fails


class Terminal:
    """A command on a terminal of 100 columns, and what its screen shows."""

    def __init__(self, *words: object) -> None:
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (60, 100))
        self.screen = pyte.Screen(100, 60)
        self._stream = pyte.ByteStream(self.screen)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "phosphene", *map(str, words)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "PROMPT_TOOLKIT_NO_CPR": "1"},
        )
        os.close(theirs)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def wait_for(self, text: str, times: int = 1) -> str:
        """Read until the screen shows the text so many times, and return the screen."""
        deadline = time.monotonic() + PATIENCE
        while (shown := "\n".join(self.screen.display)).count(text) < times:
            assert time.monotonic() < deadline, shown
            if select.select([self._ours], [], [], 1)[0]:
                self._stream.feed(os.read(self._ours, 65536))
        return shown

    def end(self) -> int:
        """Leave, and return the exit code."""
        self.type(CTRL_D)
        try:
            return self.process.wait(PATIENCE)
        finally:
            os.close(self._ours)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return asked_library(tmp_path / "a.lib")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOSPHENE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def terminal(library: Path, home: Path) -> Iterator[Terminal]:
    opened = Terminal("-L", library, "search", "-n", 3, "--preview", "off")
    opened.wait_for("search>")
    yield opened
    opened.process.kill()
    opened.process.wait()


# ── on a terminal ─────────────────────────────────────────────────────────────────────────


def test_one_query_after_another_is_answered(terminal: Terminal) -> None:
    assert "20 images" in terminal.wait_for("search>")

    terminal.type(f"{QUERY}\n")
    assert terminal.wait_for("search>", 2).count("a house, number") == 3, "as `-n 3` says"
    terminal.type(f"id:{FIRST}\n")
    assert terminal.wait_for("search>", 3).count("1.000") == 1

    assert terminal.end() == 0


def test_a_bad_query_is_an_error_and_the_prompt_goes_on(terminal: Terminal) -> None:
    terminal.type("- trees\n")
    assert "Error: The query has only negative terms." in terminal.wait_for("search>", 2)

    terminal.type(f"{QUERY}\n")
    assert "a house, number 0" in terminal.wait_for("search>", 3)
    assert terminal.end() == 0


def test_ctrl_c_abandons_the_line(terminal: Terminal) -> None:
    terminal.type("a line that I do not want")
    terminal.wait_for("not want")
    terminal.type(CTRL_C)
    terminal.wait_for("search>", 2)

    terminal.type(f"{QUERY}\n")
    assert "Error" not in terminal.wait_for("search>", 3)
    assert terminal.end() == 0


def test_tab_completes_an_id_that_was_found(terminal: Terminal) -> None:
    terminal.type(f"{QUERY}\n")
    terminal.wait_for("search>", 2)

    terminal.type(f"2:id:{FIRST[:-2]}{TAB}")
    shown = terminal.wait_for("a house, number 0", 2)
    assert shown.count("a house, number") == 6, "a menu of the ids that were found, with their captions"


def test_tab_completes_the_name_of_a_picture_and_of_no_other_file(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "boat.jpg").touch()
    (tmp_path / "boat.txt").touch()

    terminal.type(f"a house + {tmp_path}/bo{TAB}")

    terminal.wait_for("boat.jpg")


def test_queries_are_kept_for_the_next_time_and_only_for_this_user(
    terminal: Terminal, library: Path, home: Path
) -> None:
    terminal.type(f"{QUERY}\n")
    terminal.wait_for("search>", 2)
    assert terminal.end() == 0

    assert (home / "search_history").stat().st_mode & 0o777 == 0o600
    again = Terminal("-L", library, "search", "--preview", "off")
    again.wait_for("search>")
    again.type(f"{UP}\n")
    again.wait_for("search>", 2)
    again.type(f"a red{TAB}")
    again.wait_for(f"search> {QUERY}", 2)
    again.type(CTRL_C)
    assert again.end() == 0


def test_a_history_that_cannot_be_written_is_no_error(library: Path, home: Path) -> None:
    home.write_text("a file in the way")
    terminal = Terminal("-L", library, "search", "--preview", "off")
    terminal.wait_for("search>")
    terminal.type(f"{QUERY}\n")

    assert "Error" not in terminal.wait_for("search>", 2)
    assert terminal.end() == 0


def test_the_prompt_shows_pictures(tmp_path: Path, home: Path) -> None:
    red = thumbnail(Pillow.new("RGB", (64, 64), (255, 0, 0)))
    library = asked_library(tmp_path / "a.lib", [replace(image, thumbnail=red) for image in made(3)])
    terminal = Terminal("-L", library, "search")
    terminal.wait_for("search>")
    terminal.type(f"{QUERY}\n")
    terminal.wait_for("search>", 2)

    colours = {cell.fg for row in terminal.screen.buffer.values() for cell in row.values()}
    assert any(int(colour[:2], 16) > 250 and colour[2:] < "0505" for colour in colours if len(colour) == 6)
    assert terminal.end() == 0


# ── in a pipe ─────────────────────────────────────────────────────────────────────────────


def test_a_pipe_brings_a_query_in_each_line(library: Path) -> None:
    result = run("-L", library, "search", "--json", "-n", 2, input=f"{QUERY}\n\n  id:{FIRST}  \n\n")

    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(each["query"], each["rank"]) for each in found] == [
        (QUERY, 1),
        (QUERY, 2),
        (f"id:{FIRST}", 1),
        (f"id:{FIRST}", 2),
    ]
    assert result.exit_code == 0


def test_a_line_that_fails_is_an_error_and_the_others_are_answered(library: Path) -> None:
    result = run("-L", library, "search", "-q", "-n", 1, input=f"- trees\nid:nothing\n{QUERY}\n".encode())

    assert result.stdout == f"{FIRST}\n"
    assert result.stderr.count("Error: ") == 2
    assert result.exit_code == 1


def test_a_line_that_is_not_unicode_is_refused(library: Path) -> None:
    result = run("-L", library, "search", input=b"\xff\xfe\n" + QUERY.encode())

    assert "is not valid UTF-8" in result.stderr
    assert len(result.stdout.splitlines()) == 10


def test_every_answer_is_written_before_the_next_query_is_read(library: Path) -> None:
    command = [sys.executable, "-m", "phosphene", "-L", str(library), "search", "-q", "-n", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        for _ in range(2):
            process.stdin.write(f"{QUERY}\n")
            process.stdin.flush()
            assert process.stdout.readline() == f"{FIRST}\n"
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


def test_no_line_at_all_is_a_wrong_call(library: Path) -> None:
    result = run("-L", library, "search", input="\n")

    assert result.exit_code == 2
    assert "Pass a query" in result.stderr


def test_a_sheet_needs_one_query(library: Path, tmp_path: Path) -> None:
    result = run("-L", library, "search", "-o", tmp_path / "hits.png", input=QUERY)

    assert result.exit_code == 2
    assert "-o is for one query. Pass a query." in result.stderr
