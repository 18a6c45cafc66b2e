"""pyproject.toml declares all imported packages, and the error for a missing extra says how to install it."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import phosphene
from phosphene import extras
from phosphene.errors import MissingExtraError

PACKAGE = Path(phosphene.__file__).parent
ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
DISTRIBUTIONS = packages_distributions()
# The rooms that need an extra. Everything else imports what `pip install phosphene` brings.
ROOMS = {
    "explore": "explore",
    "ingest/on_ray": "ray",
    "server": "serve",
    "testing": "testing",
    "training": "train",
}


def normal(name: str) -> str:
    """A distribution's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def names_in(requirements: list[str]) -> set[str]:
    """The distributions of requirements such as `lancedb>=0.40,<0.41`."""
    return {normal(re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0]) for requirement in requirements}


def imported(path: Path) -> Iterator[str]:
    """The top-level packages that a file imports anywhere, except Python's and our own."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        tops = {name.partition(".")[0] for name in names}
        yield from tops - sys.stdlib_module_names - {"phosphene"}


def distribution_of(module: str) -> str:
    assert module in DISTRIBUTIONS, f"`{module}` is imported, but no installed package brings it"
    return normal(DISTRIBUTIONS[module][0])


@pytest.mark.parametrize("room", ["", *ROOMS])
def test_every_imported_package_is_declared(room: str) -> None:
    extra = ROOMS.get(room)
    declared = names_in(PROJECT["dependencies"]) | (names_in(EXTRAS[extra]) if extra else set())
    place = f"the extra `{extra}`" if extra else "`dependencies`"
    for path in sorted(PACKAGE.rglob("*.py")):
        inner = path.relative_to(PACKAGE).as_posix()
        if next((each for each in ROOMS if inner.startswith(f"{each}/")), "") == room:
            for name in map(distribution_of, imported(path)):
                assert name in declared, (
                    f"{path} imports `{name}`: add it to {place} in pyproject.toml and to constraints.txt"
                )


def test_each_extra_knows_the_modules_of_its_packages() -> None:
    for extra, modules in extras.MODULES.items():
        assert {distribution_of(module) for module in modules} == names_in(EXTRAS[extra]), (
            f"MODULES in phosphene/extras.py and the extra `{extra}` in pyproject.toml differ"
        )


def test_constraints_name_a_version_of_everything_declared() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wanted = names_in(PROJECT["dependencies"]).union(*map(names_in, EXTRAS.values())) - {"phosphene"}
    assert wanted <= names_in(lines), "add the missing packages to constraints.txt, with their versions"


@pytest.mark.parametrize(
    ("extra", "hidden", "words"),
    [
        ("serve", "uvicorn", ["serve", "--model", "landscape", "--port", "0"]),
        ("train", "timm", ["train", "clip", "nowhere", "-o", "made"]),
    ],
)
def test_a_command_without_its_extra_names_the_command_to_install_it(
    extra: str, hidden: str, words: list[str], tmp_path: Path
) -> None:
    code = (
        f"import sys; sys.modules[{hidden!r}] = None; sys.argv = ['phosphene', *{words!r}];"
        " import phosphene.cli; phosphene.cli.main()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 1
    assert (
        f"The packages of the extra `{extra}` are not installed. These are missing: {hidden}" in ended.stderr
    )
    assert f"pip install 'phosphene[{extra}]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_conformance_suites_without_pytest_name_the_command_to_install_it() -> None:
    code = "import sys; sys.modules['pytest'] = None; import phosphene.testing.stores"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stderr.splitlines()[-2:] == [
        "phosphene.errors.MissingExtraError: The packages of the extra `testing` are not installed."
        " These are missing: pytest.",
        f"hint: {extras.how_to_install('testing')}",
    ]


def test_an_extra_that_is_installed_is_fine() -> None:
    for extra in extras.MODULES:
        extras.require(extra)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.setitem(sys.modules, "h11", None)
    with pytest.raises(MissingExtraError, match="These are missing: h11, uvicorn"):
        extras.require("serve")
