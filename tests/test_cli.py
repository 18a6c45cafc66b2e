"""The command line gives people and scripts the right results, messages and exit codes."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

from command import in_a_terminal, lines, process, run
from described import PARAMETERS, png
from hub_server import HubServer
from phosphene.cli import help_pages, phosphene
from phosphene.cli.output import shortened
from phosphene.cli.streams import visible
from phosphene.landscape.scenes import SEEDS, write
from pictures import frame_count

PROMPT = "a red house in the snow at night"
COMMANDS = Path(__file__).parent.parent / "docs" / "commands.md"
HIT = ["rank", "id", "score", "relevance", "copies", "origin", "uri", "caption", "missing", "fields"]
MADE = ["id", "uri", "prompt", "seed", "lane", "score", "parents", "novelty"]
NOVELTY = ["nearest", "similarity", "percentile", "exact", "without_parents"]
ADDED = ["added", "unchanged", "failed", "failures", "left_out", "images_per_second"]
STATUS = ["library", "store", "model", "dimension", "images", "imported", "generated"]
ESCAPE = "\x1b"


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty drawn landscapes with a COCO captions file."""
    return write(tmp_path_factory.mktemp("drawn"), SEEDS["test"][:60], size=64, workers=1)


@pytest.fixture(scope="session")
def filled(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of them, which tests only read."""
    folder = tmp_path_factory.mktemp("libraries") / "filled"
    assert run("-L", folder, "add", drawn, "--model", "landscape").exit_code == 0
    return folder


@pytest.fixture
def library(filled: Path, tmp_path: Path) -> Path:
    """A copy of the library's folder, which a test may change."""
    return Path(shutil.copytree(filled, tmp_path / "library"))


def noise(folder: Path, count: int, side: int = 24) -> Path:
    """Write many small pictures that differ."""
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / f"{number}.bmp")
    return folder


# ── searching ─────────────────────────────────────────────────────────────────────────────


def test_a_search_gives_one_json_object_per_hit(filled: Path) -> None:
    hits = lines("-L", filled, "search", PROMPT, "-n", 5)
    assert [list(hit) for hit in hits] == [HIT] * 5
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4, 5]
    assert sorted((hit["score"] for hit in hits), reverse=True) == [hit["score"] for hit in hits]
    assert all(Path(hit["uri"]).is_file() for hit in hits)
    assert {hit["origin"] for hit in hits} == {"imported"}


def test_two_prompts_rank_differently(filled: Path) -> None:
    first, second = (
        [hit["id"] for hit in lines("-L", filled, "search", words)]
        for words in (PROMPT, "a boat on a sunny sea")
    )
    assert first != second


def test_a_search_in_a_pipe_has_a_line_per_hit_and_whole_paths(filled: Path) -> None:
    result = run("-L", filled, "search", PROMPT)
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [len(row) for row in rows] == [6] * 10
    assert [(row[0], row[5]) for row in rows] == [
        (str(hit["rank"]), hit["uri"]) for hit in lines("-L", filled, "search", PROMPT)
    ]
    assert ESCAPE not in result.output


def test_quiet_gives_ids(filled: Path) -> None:
    quiet = run("-L", filled, "search", PROMPT, "-q")
    assert quiet.stdout.split() == [hit["id"] for hit in lines("-L", filled, "search", PROMPT)]
    assert quiet.stderr == ""


def test_words_need_no_quotes_and_a_dash_of_its_own_subtracts(filled: Path) -> None:
    loose = lines("-L", filled, "search", *PROMPT.split(), "-", "trees")
    assert loose == lines("-L", filled, "search", f"{PROMPT} - trees")
    assert loose != lines("-L", filled, "search", PROMPT)


def test_a_picture_finds_itself(filled: Path) -> None:
    hit = lines("-L", filled, "search", PROMPT, "-n", 1)[0]
    [again] = lines("-L", filled, "search", hit["uri"], "-n", 1)
    assert again["id"] == hit["id"] and again["score"] > 0.99
    assert lines("-L", filled, "search", f"id:{hit['id']}", "-n", 1)[0]["id"] == hit["id"]


def test_a_search_writes_a_sheet_and_names_it(filled: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    result = run("-L", filled, "search", PROMPT, "-o", sheet)
    assert f"wrote {sheet}" in result.stderr
    with Image.open(sheet) as picture:
        assert picture.width > 500


def test_an_impossible_ending_is_a_wrong_call(filled: Path) -> None:
    result = run("-L", filled, "search", PROMPT, "-o", "sheet.docx")
    assert result.exit_code == 2
    assert "'sheet.docx' does not end in .png, .jpg, .jpeg, .webp" in result.stderr


def test_pictures_are_shown_where_asked_for(filled: Path) -> None:
    assert "▀" in run("-L", filled, "search", PROMPT, "--preview", "blocks").stdout
    assert f"{ESCAPE}_G" in run("-L", filled, "search", PROMPT, "--preview", "kitty").stdout
    assert ESCAPE not in run("-L", filled, "search", PROMPT, "--preview", "kitty", "--json").stdout


def test_no_hit_is_no_error(filled: Path) -> None:
    result = run("-L", filled, "search", PROMPT, "--origin", "generated")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "nothing found" in result.stderr


@pytest.mark.parametrize("words", [["search", ""], ["search", " ", "-"], ["generate", ""]])
def test_an_empty_query_is_an_error_with_an_example(filled: Path, words: list[str]) -> None:
    result = run("-L", filled, *words)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The query is empty.\n\nhint: ")


def test_a_query_without_words_is_a_wrong_call(filled: Path) -> None:
    assert run("-L", filled, "search").exit_code == 2


def test_a_long_prompt_is_cut_with_a_warning_that_names_what_was_used(filled: Path) -> None:
    result = run("-L", filled, "search", "a red house " * 3334)
    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: ")
    assert "Of its 10002 words" in result.stderr and "`a red house a red" in result.stderr
    assert len(result.stderr) < 2000


# ── the common options ────────────────────────────────────────────────────────────────────


def test_common_options_stand_before_or_after_the_command(filled: Path) -> None:
    before = run("-L", filled, "--json", "status").stdout
    assert before == run("status", "--json", "-L", filled).stdout != ""


def test_the_later_option_wins(filled: Path) -> None:
    assert run("-L", "/nowhere", "status", "-L", filled).exit_code == 0
    assert run("-L", filled, "status", "-L", "/nowhere").exit_code == 1


def test_the_library_may_come_from_the_environment(filled: Path) -> None:
    result = run("status", "--json", env={"PHOSPHENE_LIBRARY": str(filled)})
    assert json.loads(result.stdout)["images"] == 60
    assert run("-L", "/nowhere", "status", env={"PHOSPHENE_LIBRARY": str(filled)}).exit_code == 1


def test_status_has_these_fields(filled: Path) -> None:
    [status] = lines("-L", filled, "status")
    assert list(status) == STATUS
    assert (status["images"], status["imported"], status["generated"]) == (60, 60, 0)
    assert status["model"] == "landscape"


# ── adding ────────────────────────────────────────────────────────────────────────────────


def test_adding_says_what_it_did_in_one_object(drawn: Path, library: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    Image.new("RGB", (40, 30), "red").save(tmp_path / "more" / "red.png")
    (tmp_path / "more" / "empty.png").touch()
    for added, unchanged in ((1, 0), (0, 1)):  # a rerun skips, and still counts what failed
        [report] = lines("-L", library, "add", tmp_path / "more")
        assert list(report) == ADDED
        assert (report["added"], report["unchanged"], report["failed"]) == (added, unchanged, 1)
        [failure] = report["failures"]
        assert list(failure) == ["uri", "reason"] and failure["uri"].endswith("empty.png")


def test_a_bad_file_is_named_with_its_reason(library: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    result = run("-L", library, "add", tmp_path / "text.png")
    assert result.exit_code == 1
    assert f"skipped {tmp_path / 'text.png'}: " in result.stderr
    assert result.stdout.startswith("added 0, unchanged 0, failed 1")


def test_metadata_are_read_again_when_the_user_says_so(library: Path, tmp_path: Path) -> None:
    (tmp_path / "made.png").write_bytes(png({"parameters": PARAMETERS}))
    assert run("-L", library, "add", tmp_path / "made.png").stdout.startswith("added 1")

    [report] = lines("-L", library, "add", "--reread", tmp_path / "made.png")

    assert (report["added"], report["unchanged"], report["failed"]) == (0, 1, 0)
    [hit] = lines("-L", library, "search", tmp_path / "made.png", "-n", 1)
    assert hit["caption"] == "a lighthouse at dawn, <lora:sea:0.8> by an old master"


def test_names_that_a_shell_or_a_terminal_would_obey_are_only_names(library: Path, tmp_path: Path) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    names = [
        "-n.png",
        "$(touch pwned).png",
        "two\nlines.png",
        "\x1b[31mred.png",
        "ünïcödé 雪.png",
        "a\tb.png",
    ]
    for number, name in enumerate(names):
        Image.new("RGB", (8, 8), (number * 40, 10, 200)).save(folder / name)
    [report] = lines("-L", library, "add", folder)
    assert (report["added"], report["failed"]) == (len(names), 0)
    found = {Path(hit["uri"]).name for hit in lines("-L", library, "search", "a colour", "-n", 70)}
    assert set(names) <= found
    shown = run("-L", library, "search", "a colour", "-n", 70)
    assert len(shown.stdout.splitlines()) == 60 + len(names)
    assert ESCAPE not in shown.output and "two\\nlines.png" in shown.stdout
    assert not Path("pwned").exists()


def test_a_leading_dash_is_taken_after_two_dashes(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (8, 8), "blue").save("-q.png")
    assert run("-L", library, "add", "--", "-q.png").stdout.startswith("added 1")
    assert run("-L", library, "add", "./-q.png").stdout.startswith("added 0, unchanged 1")


def test_a_folder_that_is_not_there_is_an_error(library: Path) -> None:
    result = run("-L", library, "add", "/nowhere/at/all")
    assert result.exit_code == 1
    assert "/nowhere/at/all" in result.stderr and "Traceback" not in result.stderr


def test_a_folder_without_a_picture_is_an_error(library: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run("-L", library, "add", tmp_path / "empty")
    assert result.exit_code == 1
    assert f"There is no picture in `{tmp_path / 'empty'}`" in result.stderr and "hint: " in result.stderr


def test_a_folder_of_something_else_is_refused_and_left_alone(drawn: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    result = run("-L", tmp_path, "add", drawn, "--model", "landscape")
    assert result.exit_code == 1 and "not a library" in result.stderr and "hint: " in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(
    "words", [["search", PROMPT], ["generate", PROMPT], ["status"], ["map"], ["show", "abc"]]
)
def test_no_library_is_an_error_that_says_how_to_make_one(words: list[str], tmp_path: Path) -> None:
    result = run("-L", tmp_path / "none", *words)
    assert result.exit_code == 1
    assert "There is no library" in result.stderr and "add" in result.stderr
    assert not (tmp_path / "none").exists()


def test_a_library_of_a_newer_version_is_refused(library: Path) -> None:
    manifest = json.loads((library / "library.json").read_text())
    (library / "library.json").write_text(json.dumps({**manifest, "format": 99}))
    result = run("-L", library, "search", PROMPT)
    assert result.exit_code == 1 and "format 99" in result.stderr and "upgrade" in result.stderr


def test_a_library_of_another_space_is_refused_with_both_names(library: Path, drawn: Path) -> None:
    manifest = json.loads((library / "library.json").read_text())
    other = {**manifest["space"], "id": "elsewhere:123"}
    (library / "library.json").write_text(json.dumps({**manifest, "space": other}))
    result = run("-L", library, "add", drawn)
    assert result.exit_code == 1
    assert "elsewhere:123" in result.stderr and manifest["space"]["id"] in result.stderr


# ── showing and removing ──────────────────────────────────────────────────────────────────


def test_show_tells_everything_about_one_image(filled: Path) -> None:
    hit = lines("-L", filled, "search", PROMPT, "-n", 1)[0]
    [shown] = lines("-L", filled, "show", hit["id"])
    assert shown["uri"] == hit["uri"] and shown["caption"] == hit["caption"]
    assert (shown["parents"], shown["descendants"], shown["recipe"]) == ([], [], None)
    assert hit["id"] in run("-L", filled, "show", hit["id"][:8]).stdout


@pytest.mark.parametrize("command", [["show"], ["remove", "--yes"], ["replay"]])
def test_an_unknown_id_is_an_error(filled: Path, command: list[str]) -> None:
    result = run("-L", filled, *command, "00000000-0000-0000-0000-000000000000")
    assert result.exit_code == 1
    assert "No image has the id `00000000-0000-0000-0000-000000000000`" in result.stderr


def test_removing_asks_or_wants_to_hear_yes(library: Path) -> None:
    hit = lines("-L", library, "search", PROMPT, "-n", 1)[0]
    refused = run("-L", library, "remove", hit["id"])
    assert refused.exit_code == 2 and "--yes" in refused.stderr
    assert lines("-L", library, "remove", hit["id"], "--yes") == [{"removed": 1}]
    assert lines("-L", library, "status")[0]["images"] == 59
    assert Path(hit["uri"]).exists()


def test_missing_images_are_removed(library: Path, tmp_path: Path) -> None:
    path = tmp_path / "short-lived.png"
    Image.new("RGB", (8, 8), "blue").save(path)
    run("-L", library, "add", path)
    path.unlink()
    assert lines("-L", library, "remove", "--missing", "--yes") == [{"removed": 1, "kept": 0}]
    assert lines("-L", library, "remove", "--missing", "--yes") == [{"removed": 0, "kept": 0}]


@pytest.mark.parametrize("words", [[], ["abc", "--missing"]])
def test_removing_nothing_or_both_is_a_wrong_call(filled: Path, words: list[str]) -> None:
    assert run("-L", filled, "remove", *words).exit_code == 2


# ── making ────────────────────────────────────────────────────────────────────────────────


def test_generated_pictures_are_told_with_their_lineage(library: Path) -> None:
    made = lines("-L", library, "generate", PROMPT, "-n", 2, "-k", 3, "--seed", 5)
    assert [list(entry) for entry in made] == [MADE] * 2
    assert [entry["seed"] for entry in made] == [5, 6]
    for entry in made:
        assert [list(parent) for parent in entry["parents"]] == [["id", "role", "similarity", "weight"]] * 3
        assert list(entry["novelty"]) == NOVELTY
        assert list(entry["novelty"]["without_parents"]) == ["nearest", "similarity", "percentile"]
        assert entry["novelty"]["exact"] is True and entry["prompt"] == PROMPT
        assert Path(entry["uri"]).is_file()
    parents = [hit["id"] for hit in lines("-L", library, "search", PROMPT, "-n", 3, "--origin", "imported")]
    assert [parent["id"] for parent in made[0]["parents"]] == parents
    [shown] = lines("-L", library, "show", made[0]["id"])
    assert [parent["id"] for parent in shown["parents"]] == parents and shown["recipe"]["seed"] == 5
    assert made[0]["id"] in [
        child["id"] for child in lines("-L", library, "show", parents[0])[0]["descendants"]
    ]


def test_the_same_generation_changes_nothing(library: Path) -> None:
    first, second = (lines("-L", library, "generate", PROMPT, "-n", 1, "--seed", 5) for _ in range(2))
    assert first == second
    assert lines("-L", library, "status")[0]["generated"] == 1


def test_a_replay_says_how_near_it_came(library: Path, tmp_path: Path) -> None:
    [made] = lines("-L", library, "generate", PROMPT, "-n", 1, "--seed", 5, "--candidates", 1)
    for source in (made["id"], made["uri"]):
        [again] = lines("-L", library, "replay", source, "-o", tmp_path / "again.png")
        assert again["identical"] is True and again["largest_difference"] == 0
    assert "pixel for pixel" in run("-L", library, "replay", made["id"]).stdout
    assert (tmp_path / "again.png").exists()


def test_replaying_an_added_picture_is_an_error(filled: Path) -> None:
    hit = lines("-L", filled, "search", PROMPT, "-n", 1)[0]
    for source in (hit["id"], hit["uri"]):
        result = run("-L", filled, "replay", source)
        assert result.exit_code == 1 and "hint: " in result.stderr


def test_a_generation_may_start_from_a_picture_and_keep_a_part(library: Path, tmp_path: Path) -> None:
    hit = lines("-L", library, "search", PROMPT, "-n", 1)[0]
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (32, 0, 64, 64))
    mask.save(tmp_path / "mask.png")
    started = lines("-L", library, "generate", "a tree", "-n", 1, "--init", hit["uri"], "--strength", 0.5)
    masked = lines(
        "-L", library, "generate", "a tree", "-n", 1, "--init", hit["id"], "--mask", tmp_path / "mask.png"
    )
    assert len(started) == len(masked) == 1
    made, original = (Image.open(uri).convert("RGB") for uri in (masked[0]["uri"], hit["uri"]))
    kept = original.resize(made.size, Image.Resampling.LANCZOS)
    left = (0, 0, made.width // 3, made.height)
    assert made.crop(left).tobytes() == kept.crop(left).tobytes()


def test_the_negative_is_in_the_recipe(library: Path) -> None:
    [made] = lines("-L", library, "generate", PROMPT, "-n", 1, "--negative", "trees", "--negative", "a boat")
    recipe = lines("-L", library, "show", made["id"])[0]["recipe"]
    assert [entry["prompt"] for entry in recipe["negative"]] == ["trees", "a boat"]


@pytest.mark.parametrize(
    "words",
    [
        ["--mask", "mask.png"],
        ["--strength", "0", "--init", "x"],
        ["--size", "64x"],
        ["-n", "0"],
        ["-k", "-1"],
        ["--steps", "many"],
    ],
)
def test_a_wish_that_makes_no_sense_is_a_wrong_call(filled: Path, words: list[str]) -> None:
    result = run("-L", filled, "generate", PROMPT, *words)
    assert result.exit_code == 2 and "Usage: " in result.stderr


def test_a_walk_writes_a_sheet_and_an_animation_and_stores_nothing(library: Path, tmp_path: Path) -> None:
    out = tmp_path / "walk.png"
    ends = ("a house in the snow at night", "a boat on a sunny sea")
    stops = lines("-L", library, "walk", *ends, "--steps", 3, "--generate", "-o", out)
    assert len(stops) == 3 and all(stop["id"] for stop in stops)
    with Image.open(out) as sheet, Image.open(out.with_suffix(".webp")) as animation:
        assert sheet.width > 300
        assert frame_count(animation) > 3
    assert lines("-L", library, "status")[0]["generated"] == 0
    lines("-L", library, "walk", *ends, "--steps", 2, "--generate", "--keep", "-o", out)
    assert lines("-L", library, "status")[0]["generated"] == 2


def test_a_map_is_written_where_asked(filled: Path, tmp_path: Path) -> None:
    out = tmp_path / "map.png"
    [told] = lines("-L", filled, "map", "-o", out)
    assert told["file"] == str(out) and told["images"] == 60
    with Image.open(out) as picture:
        assert min(picture.size) > 300


# ── interruptions ─────────────────────────────────────────────────────────────────────────


def rows_in(library: Path) -> int:
    """The number of images in a library, or 0 if there is none yet."""
    result = run("-L", library, "status", "--json")
    return int(json.loads(result.stdout)["images"]) if result.exit_code == 0 else 0


def wait_for(ready: Callable[[], bool], ended: subprocess.Popen[str], seconds: float = 200) -> None:
    """Wait until a condition holds or the process ends."""
    until = time.monotonic() + seconds
    while not ready() and ended.poll() is None:
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.05)


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_an_add_that_was_stopped_continues(sign: signal.Signals, code: int, tmp_path: Path) -> None:
    pictures, library = noise(tmp_path / "pictures", 1100), tmp_path / "library"
    adding = process("-L", library, "add", pictures, "--model", "landscape")
    wait_for(lambda: any(library.glob("store/**/data/*")), adding)
    adding.send_signal(sign)
    _, said = adding.communicate(timeout=60)
    assert "Traceback" not in said
    kept = rows_in(library)
    if adding.returncode != 0:  # it may have ended by itself on a fast machine
        assert adding.returncode == code
        assert sign == signal.SIGKILL or re.search(r"Interrupted: .* added", said)
    [report] = lines("-L", library, "add", pictures)
    assert report["added"] + kept == rows_in(library) == 1100
    assert report["added"] + report["unchanged"] == 1100


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_generating_that_is_stopped_keeps_whole_pictures(
    sign: signal.Signals, code: int, library: Path
) -> None:
    making = process("-L", library, "generate", PROMPT, "-n", 200, "--seed", 1)
    wait_for(lambda: (library / "pictures").exists(), making)
    making.send_signal(sign)
    _, said = making.communicate(timeout=60)
    assert "Traceback" not in said
    if making.returncode != 0:
        assert making.returncode == code
        assert sign == signal.SIGKILL or "finished pictures were stored" in said
    for hit in lines("-L", library, "search", PROMPT, "-n", 300, "--origin", "generated"):
        Image.open(hit["uri"]).load()
    assert len(lines("-L", library, "generate", PROMPT, "-n", 2, "--seed", 1)) == 2


def test_a_reader_that_goes_away_is_no_error(filled: Path) -> None:
    searching = process("-L", filled, "search", PROMPT, "-n", 60)
    assert searching.stdout is not None and searching.stderr is not None
    searching.stdout.close()
    with searching.stderr:
        assert searching.stderr.read() == ""
    searching.wait(timeout=60)


# ── output ────────────────────────────────────────────────────────────────────────────────


def test_a_terminal_gets_a_table_with_pictures(filled: Path) -> None:
    said = in_a_terminal("-L", filled, "search", PROMPT, "-n", 3)
    assert "▀" in said and "rank" in said and "caption" in said


def test_colour_is_for_terminals_that_want_it(filled: Path) -> None:
    assert ESCAPE in in_a_terminal("-L", "/nowhere", "status")
    assert ESCAPE not in in_a_terminal("-L", "/nowhere", "status", NO_COLOR="1")
    assert ESCAPE not in in_a_terminal("-L", filled, "search", PROMPT, NO_COLOR="1")


def test_the_module_and_the_script_say_the_same() -> None:
    script = Path(sys.executable).with_name("phosphene")
    said = [
        subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
        for command in ([script], [sys.executable, "-m", "phosphene"])
    ]
    assert said[0] == said[1] and "Usage: phosphene " in said[0]


def test_a_near_miss_is_a_wrong_call() -> None:
    result = run("serach", PROMPT)
    assert result.exit_code == 2 and "No such command 'serach'" in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(shell: str) -> None:
    assert "_PHOSPHENE_COMPLETE" in run("completion", shell).stdout


def every_command(group: click.Group = phosphene, name: str = "phosphene") -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    for word, command in group.commands.items():
        found.append((f"{name} {word}", command))
        if isinstance(command, click.Group):
            found += every_command(command, f"{name} {word}")
    return found


@pytest.mark.parametrize(("name", "command"), every_command(), ids=lambda value: str(value))
def test_every_command_has_help_with_an_example(name: str, command: click.Command) -> None:
    help = command.help or ""
    assert f"  {name}" in help or (" -L " in help and f" {name.split()[-1]} " in help), (
        f"`{name}` has no example"
    )
    assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_every_command_occurs_in_the_docs() -> None:
    written = COMMANDS.read_text(encoding="utf-8")
    assert {name for name, _ in every_command()} <= {name for name, _ in help_pages()}
    missing = [name for name, _ in help_pages() if f"## `{name}`" not in written]
    assert not missing, "`make docs` writes them"


def test_doctor_finds_what_is_needed(filled: Path) -> None:
    found = lines("-L", filled, "doctor")
    assert [list(entry) for entry in found] == [["what", "state", "found", "fix"]] * len(found)
    assert {entry["state"] for entry in found} <= {"ok", "note"}
    assert {"devices", "store", "library", "free space"} <= {entry["what"] for entry in found}


def test_the_list_of_models_says_which_are_on_this_machine(filled: Path) -> None:
    found = {entry["name"]: entry for entry in lines("models")}
    assert found["landscape"]["here"] is True
    assert found["retrieval"]["kind"] == "generator"
    assert found["sd15"]["fetch"] == "phosphene models fetch sd15"
    assert found["flux1"]["commercial"] is False


def test_a_wide_table_leaves_out_columns_in_a_narrow_terminal(filled: Path) -> None:
    for columns, shown, hidden in ((60, "kind", "memory, steps"), (78, "steps", "licence, modes")):
        said = in_a_terminal("models", COLUMNS=str(columns))
        tables, _, note = said.rpartition("This terminal is too narrow for: ")
        assert shown in tables and note.startswith(hidden)
        assert max(len(line) for line in tables.splitlines() if "yes" in line) <= columns
    assert "too narrow" not in in_a_terminal("models", COLUMNS="240")


@pytest.mark.parametrize(
    ("text", "seen"),
    [("plain", "plain"), ("two\nlines", "two\\nlines"), ("\x1b[31m", "\\x1b[31m"), ("é雪", "é雪")],
)
def test_a_terminal_gets_escapes_instead_of_control_characters(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_captions_are_cut_at_a_word() -> None:
    assert shortened("a red house in the snow", 14) == "a red house…"
    assert shortened("a red house", 14) == "a red house"


def test_offline_a_model_that_is_not_here_is_an_error(hub: HubServer) -> None:
    for words in (["--offline", "models", "fetch"], ["models", "fetch", "--offline"]):
        result = run(*words, "hf-hub:tiny/clip")
        assert result.exit_code == 1
        assert "The network is not used, because `--offline`" in result.stderr
        assert "hint: run `phosphene models fetch hf-hub:tiny/clip` with a network" in result.stderr
    assert not hub.asked
    assert "no repository" in run("models", "fetch", "hf-hub:tiny/clip").stderr  # it was for one command
