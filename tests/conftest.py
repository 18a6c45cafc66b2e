"""Fixtures that many tests share: a home of their own, drawn pictures, servers and browsers."""

import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

import phosphene
from hub_server import HubServer
from installing import install_plugins
from parts import need
from phosphene.config import cores
from weaviate_server import HOW, Server, binary

PLUGIN = Path(__file__).resolve().parent.parent / "plugin"
collect_ignore = ["plugins"]  # tests/test_conformance.py runs them as their authors do
CHROMIUM = Path(os.environ.get("PHOSPHENE_CHROMIUM", "/usr/bin/chromium"))


def pytest_configure() -> None:
    """Check which phosphene is imported, and react to Ctrl-C, which background processes of shells ignore."""
    refuse_other_checkouts()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    share_cores()


def refuse_other_checkouts() -> None:
    """Stop if `import phosphene` finds another checkout than that of these tests.

    An editable installation points to one checkout; its environment may be shared with another.
    """
    found = Path(phosphene.__file__).resolve()
    if not found.is_relative_to(PLUGIN):
        raise pytest.UsageError(
            f"These tests would test {found}, which is not part of their checkout. "
            f"Set PYTHONPATH={PLUGIN}, or make an environment for this checkout with `make .venv/installed`."
        )


def share_cores() -> None:
    """Let torch use only this worker's share of the cores.

    Two workers that each use all of them mostly wait for one another.
    """
    if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
        os.environ["OMP_NUM_THREADS"] = str(max(1, cores() // int(workers)))


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep tests away from the folders of the user."""
    monkeypatch.setenv("PHOSPHENE_HOME", str(tmp_path_factory.getbasetemp() / "home"))
    monkeypatch.delenv("PHOSPHENE_LIBRARY", raising=False)
    yield


@pytest.fixture(scope="session")
def installed_plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the toy plugins, which all test processes of a run share."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return install_plugins(shared / "plugins")


@pytest.fixture
def plugins(installed_plugins: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the toy plugins of tests/plugins for this process and those that it starts."""
    monkeypatch.syspath_prepend(str(installed_plugins))
    paths = [str(installed_plugins), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    return installed_plugins


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser of Debian, which opens pages."""
    need("chromium", CHROMIUM.exists(), "`apt-get install chromium`, or name one in PHOSPHENE_CHROMIUM")
    return CHROMIUM


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that returns a checkpoint of `tiny_checkpoints` by its builder's name, built once.

    All tests share it, so copy it before you change it.
    """

    @cache
    def built(name: str) -> Path:
        from tiny_checkpoints import BUILDERS  # imports torch and diffusers
        from tiny_word_checkpoints import WORD_BUILDERS

        return (BUILDERS | WORD_BUILDERS)[name](tmp_path_factory.mktemp("checkpoints") / name)

    return built


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub without repositories, which phosphene asks for downloads."""
    server = HubServer()
    server.start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield server
    server.stop()


@pytest.fixture
def copied(checkpoint: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A function that returns a copy of a checkpoint, which a test may change."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(checkpoint(name), tmp_path / name))

    return copy


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail every connection that the test makes."""

    def refuse(*_: object) -> None:
        raise AssertionError("a test of files on this machine opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="session")
def weaviate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real Weaviate for all tests of a process. Each test uses collections of its own."""
    need("weaviate", binary() is not None, HOW)
    server = Server(tmp_path_factory.mktemp("weaviate"))
    server.start()
    yield server
    server.stop()
