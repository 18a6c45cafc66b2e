"""The docs are true: the pages that cog writes are up to date, and links lead to existing files."""

import re
import sys
from pathlib import Path

import pytest
from cogapp import Cog

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "bench"))  # its files are scripts, not a package

import runs  # noqa: E402
import tables  # noqa: E402

BENCHMARKS = "docs/benchmarks.md"
CARDS = [f"plugin/phosphene/landscape/weights/{model}/README.md" for model in ("clip", "diffusion")]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


@pytest.mark.parametrize(
    "page", ["docs/commands.md", "docs/generating.md", "docs/models.md", BENCHMARKS, *CARDS]
)
def test_a_written_page_is_up_to_date(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    failed = Cog().main(["cog", "--check", "--diff", "-I", str(ROOT / "bench"), str(ROOT / page)])
    assert not failed, f"{capsys.readouterr().out}`make docs` writes it"


def test_every_run_is_in_the_benchmarks_with_its_command_and_date() -> None:
    written = (ROOT / BENCHMARKS).read_text(encoding="utf-8")
    kept = [run.stem for run in runs.RUNS.glob("*.json")]
    shown = re.findall(r'(?:read|section)\("(\w+)"', written)
    assert set(kept) <= set(shown)
    assert len(re.findall(r"python bench/\w+\.py.*`, on \d{4}-\d\d-\d\d, on \d+ cores", written)) == len(kept)


def test_seconds_are_shown_for_an_idle_machine_only() -> None:
    row = {"clients": 1, "service": "stock", "requests/s": 6.4, "p50 ms": 152, "p95 ms": 188, "CPU ms": 189}
    for load, header in ((0.3, "requests/s |"), (9.0, "CPU ms a request |")):
        shown = tables.serving(runs.Run([row], {"load_before": load, "cores": 2}))
        assert ("| 152 |" in shown) == (load < 1)
        assert header in shown


def test_a_bench_that_was_not_run_says_which_command_runs_it(tmp_path: Path) -> None:
    written = runs.section("kills", tables.kills, tmp_path)
    assert "`python bench/kills.py --json runs/kills.json`" in written


def test_the_readme_can_be_read_in_a_few_minutes() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 90


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    missing = [each for each in targets if "://" not in each and not (page.parent / each).exists()]
    assert not missing
