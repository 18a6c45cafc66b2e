"""A small version of `bench/kills.py`: after kills and damage nothing is lost that was reported as kept."""

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[1] / "bench" / "kills.py"
SMALL = ("--kills", "5", "--truncations", "3", "--minutes", "5")


def test_what_was_reported_as_committed_is_there_after_kills_and_repairs(tmp_path: Path) -> None:
    found = tmp_path / "kills.json"
    command = [sys.executable, str(BENCH), *SMALL, "--json", str(found)]
    ended = subprocess.run(command, capture_output=True, text=True)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    tallies = json.loads(found.read_text())["figures"]
    assert all(tallies[kind]["tries"] == 1 for kind in ("add", "generate", "remove", "copy", "train"))
    assert tallies["images after a truncation"]["promised"] > 100
    for name, tally in tallies.items():
        assert (tally["kept"], tally["wrong"]) == (tally["promised"], {}), name
