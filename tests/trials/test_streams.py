"""Streams accept all names and captions, and a terminal never obeys them."""

import io
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from PIL import Image

from command import run
from phosphene.cli import streams
from phosphene.cli.output import Output
from trial import Trial

NAMES = [
    "Screenshot at 3.00\u202fPM.png",
    "a\u00a0b.png",
    "旅行\u3000写真.png",
    "👨\u200d👩\u200d👧.png",
    "می\u200cخواهم.png",
    "\U0001fae8.png",
    "shy\u00adphen.png",
    "left\u200fright.png",
    "caf\udce9.png",
]
EVIL = "a\x1b]0;owned\x07 \u202egnp.\u2066 \x9b31m\ttab"


def colours(folder: Path, names: list[str]) -> None:
    folder.mkdir()
    for number, name in enumerate(names):
        Image.new("RGB", (8, 8), (number * 20, 90, 200)).save(folder / name)


def test_in_a_pipe_the_file_column_is_the_path(trial: Trial) -> None:
    colours(trial.folder / "odd", NAMES)
    assert trial.run("add", "odd").exit_code == 0
    printed = trial.run("search", "a colour", "-n", 60).stdout_bytes
    files = {line.split(b"\t")[-1] for line in printed.splitlines()}
    assert {os.fsencode(Path("odd") / name) for name in NAMES} <= files


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_terminal_shows_the_texts_of_strangers_and_never_obeys_them(
    stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, stream, terminal)
    output = Output()
    if stream == "stdout":
        output.fields({"name": EVIL, "file": Path(EVIL)})
        output.summary(EVIL, {})
        streams.say(streams.styled(EVIL, dim=True))
    else:
        output.note(EVIL)
        output.wrote(Path(EVIL))
        from phosphene.cli.failures import CommandError

        CommandError(EVIL, EVIL).show()
    said = click.unstyle(terminal.getvalue())
    assert "owned" in said
    assert all(letter.isprintable() or letter == "\n" for letter in said)


def test_a_pipe_hands_no_control_on_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Output().summary(EVIL, {})
    Output().fields({"file": Path(EVIL)})
    summary, file = capsys.readouterr().out.splitlines()
    assert not set(summary) & {"\x1b", "\x07", "\x9b", "\t", "\u202e", "\u2066"}
    assert file.startswith("file\ta\\x1b]0;") and "\u202egnp" in file, "a path keeps all but controls"


@pytest.mark.parametrize(
    "words", [["sear\x1bch"], ["search", "x", "--ev\x1bil"], ["search", "x", "-n", "\x1b[31m"]]
)
def test_a_wrong_call_repeats_no_escapes(trial: Trial, words: list[str]) -> None:
    result = trial.run(*words)
    assert result.exit_code == 2 and "\x1b" not in result.stderr


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii", "utf-8"])
def test_a_stream_of_any_encoding_takes_any_text(encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors=streams.ERRORS)
    stream.write("é → 🏠 \udce9 \ud800")
    stream.flush()
    written = raw.getvalue()
    assert written.endswith(b" \xe9 \\ud800"), "a byte of a name is that byte, half a letter an escape"
    assert (b"\\u2192" in written) == (encoding != "utf-8")


def shell(command: str, trial: Trial) -> subprocess.CompletedProcess[bytes]:
    script = f'{sys.executable} -m phosphene -L "{trial.library}" {command}'
    return subprocess.run(["bash", "-c", script], capture_output=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("status <&- >&-", 0),
        ("status >/dev/full", 1),
        ("map -o m.png 2>/dev/full", 0),
        ("--help >/dev/full", 1),
    ],
)
def test_closed_and_full_streams_end_in_no_traceback(trial: Trial, command: str, code: int) -> None:
    ended = shell(command, trial)
    assert b"Traceback" not in ended.stderr and b"Exception ignored" not in ended.stderr
    assert ended.returncode == code
    if "/dev/full" in command and code:
        assert b"Error: " in ended.stderr and b"No space left on device" in ended.stderr


@pytest.mark.parametrize(
    "words", [["search", "caf\udce9 au lait"], ["generate", "caf\udce9"], ["walk", "a", "\udce9"]]
)
def test_a_text_that_is_no_utf8_is_named(trial: Trial, words: list[str]) -> None:
    result = trial.run(*words)
    assert result.exit_code == 1 and "is not valid UTF-8" in result.stderr


def test_a_deleted_working_folder_is_an_error_in_words(trial: Trial) -> None:
    gone = trial.folder / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    try:
        result = trial.run("map", "-o", "map.png")
        assert trial.run("status").exit_code == 0
    finally:
        os.chdir(trial.folder)
    assert result.exit_code == 1 and "Error: " in result.stderr


def test_a_tilde_without_a_home_is_an_error_in_words(trial: Trial) -> None:
    result = trial.run("status", "-L", "~nobody-of-this-name/library")
    assert result.exit_code == 1 and "is not known" in result.stderr and "HOME" in result.stderr


def test_a_user_without_a_home_is_an_error_in_words(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: int) -> None:
        raise KeyError("uid not found")

    for name in ("HOME", "PHOSPHENE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    result = run("status")
    assert result.exit_code == 1 and "The folder for libraries and models is unknown" in result.stderr
    assert trial.run("status").exit_code == 0
