"""A small run of `bench/kills.py`. Nothing that was reported as committed may be lost by kills and damage."""

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[1] / "bench" / "kills.py"
SMALL = ("--kills", "5", "--truncations", "3", "--minutes", "5")


def test_reported_commits_survive_kills_and_repairs(tmp_path: Path) -> None:
    found = tmp_path / "kills.json"
    command = [sys.executable, str(BENCH), *SMALL, "--json", str(found)]
    ended = subprocess.run(command, capture_output=True, text=True)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    tallies = json.loads(found.read_text())["figures"]
    assert all(tallies[kind]["tries"] == 1 for kind in ("add", "generate", "remove", "copy", "train"))
    assert tallies["images after a truncation"]["promised"] > 100
    for name, tally in tallies.items():
        assert (tally["kept"], tally["wrong"]) == (tally["promised"], {}), name
