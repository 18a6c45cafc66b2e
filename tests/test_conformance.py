"""The installed toy plugins pass the conformance suites in their own tests, as plugin authors run them.

phosphene's own sources, embedders, stores and generators pass them in test_sources.py, test_embedding.py,
test_store.py and test_generator.py.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from installing import PLUGINS

SUITES = {
    "toy_source": 15,
    "toy_embedder": 14,
    "toy_store": 50,
    "toy_generator": 15,
    "toy_lanes": 60,
}  # tests, at least


def test_each_toy_plugin_passes_the_suite_of_its_seam(plugins: Path, tmp_path: Path) -> None:
    for name in SUITES:
        shutil.copy(PLUGINS / name / f"test_{name}.py", tmp_path)
    command = [sys.executable, "-m", "pytest", "-v", "-W", "error", "-p", "no:cacheprovider", str(tmp_path)]

    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    assert ended.returncode == 0, ended.stdout[-5000:]
    for name, count in SUITES.items():
        assert len(re.findall(rf"^test_{name}\.py::.* PASSED", ended.stdout, re.MULTILINE)) >= count


def test_a_failing_suite_shows_the_values(plugins: Path, tmp_path: Path) -> None:
    """The assertions of the suites are rewritten by pytest, as in a test file."""
    code = (PLUGINS / "toy_source" / "test_toy_source.py").read_text(encoding="utf-8")
    (tmp_path / "test_wrong.py").write_text(code.replace('scheme = "toy"', 'scheme = "flickr"'), "utf-8")

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-k", "scheme", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    assert ended.returncode == 1
    assert "assert 'toy' == 'flickr'" in ended.stdout
