"""The bench of phosphene's peers: its pictures, its measuring of processes, what it reads, and its table."""

import io
import sqlite3
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))  # its files are scripts, not a package

import peer_environments
import peer_pictures
import peer_tasks
import peer_tools
import peers
import processes
import tables
from peer_weights import Weights
from processes import Command, Cost
from runs import Run

WEIGHTS = Weights(Path("weights.pt"), Path("rclip"))
PYTHON = Path("environment/bin/python")


# ── pictures ──────────────────────────────────────────────────────────────────────────────


def test_pictures_have_distinct_bytes_and_few_have_distinct_pixels(tmp_path: Path) -> None:
    folder = peer_pictures.photographs(tmp_path / "drawn", 5, (64, 48), different=2)

    files = sorted(folder.rglob("*.jpg"))
    contents = {file.read_bytes() for file in files}
    pictures = [Image.open(io.BytesIO(content)) for content in contents]
    assert (len(files), len(contents), len({picture.tobytes() for picture in pictures})) == (5, 5, 2)
    assert {picture.size for picture in pictures} == {(64, 48)}


def test_a_folder_of_pictures_is_drawn_once(tmp_path: Path) -> None:
    folder = peer_pictures.tiny(tmp_path / "tiny", 3)
    before = [file.stat() for file in sorted(folder.rglob("*.jpg"))]

    assert peer_pictures.tiny(folder, 3) == folder
    assert [file.stat() for file in sorted(folder.rglob("*.jpg"))] == before


# ── processes ─────────────────────────────────────────────────────────────────────────────


def python(code: str) -> Command:
    return Command([sys.executable, "-c", code])


def test_the_memory_of_a_command_is_its_own() -> None:
    ballast = bytearray(200_000_000)  # of this process, which the command must not inherit
    small, large = (processes.run(python(f"print(len(bytearray({size})))")) for size in (1, 100_000_000))

    assert len(ballast) > 0 and small.output == "1\n"
    assert small.peak < 50 and 90 < large.peak - small.peak < 110


def test_the_cpu_time_of_a_command_includes_its_children() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"

    assert processes.run(python(parent)).cpu > 0.3


def test_a_command_that_fails_is_named_with_what_it_said() -> None:
    with pytest.raises(RuntimeError, match="no such picture"):
        processes.run(python("raise SystemExit('no such picture')"))


def test_a_command_uses_all_cores_and_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    variables = Command(["true"], environment={"PHOSPHENE_HOME": "here"}).variables
    assert "OMP_NUM_THREADS" not in variables
    assert (variables["HF_HUB_OFFLINE"], variables["PHOSPHENE_HOME"]) == ("1", "here")


def test_tasks_take_turns_and_their_medians_are_kept() -> None:
    ran: list[str] = []

    def task(name: str) -> Cost:
        ran.append(name)
        return Cost(cpu=len(ran), seconds=2.0 * len(ran), peak=10, output=str(len(ran)))

    medians = processes.in_turns({"a": lambda: task("a"), "b": lambda: task("b")}, 3)

    assert "".join(ran) == "ababab"
    assert medians == {"a": Cost(3, 6.0, 10, "5"), "b": Cost(4, 8.0, 10, "6")}


# ── programs ──────────────────────────────────────────────────────────────────────────────


def test_rclip_searches_the_folder_that_it_runs_in(tmp_path: Path) -> None:
    rclip = peer_tools.Rclip(PYTHON, WEIGHTS)
    command = rclip.search("a cat", tmp_path, Path("index"), 3)
    assert command.folder == tmp_path and command.environment == {"RCLIP_DATADIR": "index"}
    assert command.words[1:] == ["a cat", "--top", "3", "--no-indexing", "--filepath-only"]
    assert "--no-indexing" not in rclip.add(tmp_path, Path("index")).words


def test_vectors_of_rclip_are_read_from_its_database(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "db.sqlite3") as database:
        database.execute("CREATE TABLE images (filepath TEXT, vector BLOB)")
        database.execute(
            "INSERT INTO images VALUES (?, ?)", ("/a/7.jpg", np.array([0.6, 0.8], np.float32).tobytes())
        )
    database.close()
    vectors = peer_tools.Rclip(PYTHON, WEIGHTS).vectors(tmp_path)
    assert vectors["7.jpg"].tolist() == pytest.approx([0.6, 0.8])


def test_the_hits_of_each_program_are_read() -> None:
    programs: dict[str, peer_tools.Tool] = {
        "/a/7.jpg\n/a/b/12.jpg\n": peer_tools.Rclip(PYTHON, WEIGHTS),
        "warming up with batch size 1\n/a/7.jpg\n/a/b/12.jpg\n": peer_tools.ClipRetrieval(PYTHON, WEIGHTS, 2),
        '{"uri": "/a/7.jpg"}\n{"uri": "/a/b/12.jpg"}\n': peer_tools.Phosphene(WEIGHTS, Path("home")),
    }
    for output, program in programs.items():
        assert program.found(output) == ["7.jpg", "12.jpg"]


def test_the_warm_up_of_clip_retrieval_is_read() -> None:
    assert peer_tools.warm_up("warming up with …\ndone warming up in 8.25s\n") == 8.25
    assert peer_tools.warm_up("added 48") == 0


def test_programs_with_different_vectors_do_not_run_the_same_model() -> None:
    one, other = np.eye(2, dtype=np.float32)
    ranked = {"rclip": ["0.jpg"], "phosphene": ["0.jpg"]}

    same = peer_tasks.compared({"rclip": {"0.jpg": one}, "phosphene": {"0.jpg": one}}, ranked)

    assert same["least cosine"] == {"rclip": 1.0, "phosphene": 1.0} and same["the same best hit"]["phosphene"]
    with pytest.raises(RuntimeError, match="not run the same model"):
        peer_tasks.compared({"rclip": {"0.jpg": one}, "phosphene": {"0.jpg": other}}, ranked)


# ── figures ───────────────────────────────────────────────────────────────────────────────


def test_the_heaviest_packages_come_first(tmp_path: Path) -> None:
    for name, size in (("torch", 3_000_000), ("numpy", 1_000_000), ("click", 10)):
        (tmp_path / name / "inside").mkdir(parents=True)
        (tmp_path / name / "inside" / "file").write_bytes(bytes(size))
    assert peer_environments.heaviest(tmp_path, 2) == {"torch": 3.0, "numpy": 1.0}
    assert peer_environments.weight(tmp_path) == pytest.approx(4.00001)


def test_the_table_compares_each_program_with_phosphene() -> None:
    costs = {"rclip": Cost(1.2, 1.5, 450), "phosphene": Cost(0.6, 0.9, 300)}
    figures = {
        "versions": {"rclip": "3.3.0", "phosphene": "0.1.0"},
        "tasks": {"a search": {name: peers.told(cost, costs["phosphene"]) for name, cost in costs.items()}},
        "installed, MB": {"rclip": 253, "phosphene": 6400},
    }

    idle, busy = (tables.peers(Run(figures, {"cores": 2, "load_before": load})) for load in (0.1, 9.0))

    assert "| a search | rclip | 1.2 | 450 | 1.5 | 0.50 |" in idle
    assert "| a search | phosphene | 0.6 | 300 | 1.00 |" in busy
    assert busy.endswith(
        "rclip 3.3.0, phosphene 0.1.0. MB of a fresh environment: rclip 253, phosphene 6,400."
    )
