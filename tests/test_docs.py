"""The docs say what is: pages that are written by the program are up to date, and links lead somewhere."""

import json
import re
import sys
from pathlib import Path

import pytest
from cogapp import Cog

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "bench"))  # its files are scripts, not a package

import runs as bench_runs  # noqa: E402
import tables  # noqa: E402

BENCHMARKS, CARD = "docs/benchmarks.md", "plugin/phosphene/landscape/weights/clip/README.md"
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


@pytest.mark.parametrize("page", ["docs/commands.md", BENCHMARKS, CARD])
def test_a_written_page_is_up_to_date(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    failed = Cog().main(["cog", "--check", "--diff", "-I", str(ROOT / "bench"), str(ROOT / page)])
    assert not failed, f"{capsys.readouterr().out}`make docs` writes it"


def test_every_run_is_in_the_benchmarks_with_its_command_and_date() -> None:
    written = (ROOT / BENCHMARKS).read_text(encoding="utf-8")
    runs = [run.stem for run in (ROOT / "runs").glob("*.json")]
    assert [
        run for run in runs if f'source("{run}")' not in written and f'section("{run}"' not in written
    ] == []
    assert len(re.findall(r"python bench/\w+\.py.*`, on \d{4}-\d\d-\d\d, on \d+ cores", written)) == len(runs)


def test_seconds_are_shown_for_an_idle_machine_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_runs, "RUNS", tmp_path)
    row = {"clients": 1, "service": "stock", "requests/s": 6.4, "p50 ms": 152, "p95 ms": 188, "CPU ms": 189}
    for load, header in ((0.3, "requests/s |"), (9.0, "CPU ms a request |")):
        run = {"machine": {"load_before": load, "cores": 2}, "figures": [row]}
        (tmp_path / "inference.json").write_text(json.dumps(run))
        assert ("| 152 |" in tables.serving()) == (load < 1)
        assert header in tables.serving()


def test_a_bench_that_was_not_run_says_what_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_runs, "RUNS", tmp_path)
    written = bench_runs.section("kills", tables.kills)
    assert "`python bench/kills.py --json runs/kills.json`" in written


def test_the_readme_can_be_read_in_a_few_minutes() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 90


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    missing = [each for each in targets if "://" not in each and not (page.parent / each).exists()]
    assert not missing
