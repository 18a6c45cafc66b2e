"""The layers hold, `--help` stays light, and the public names are what they are."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import phosphene

PACKAGE = Path(phosphene.__file__).parent
HEAVY = {
    "torch",
    "open_clip",
    "diffusers",
    "transformers",
    "lancedb",
    "pyarrow",
    "weaviate",
    "numpy",
    "PIL",
    "rich",
    "fastapi",
    "uvicorn",
    "prometheus_client",
    "pydantic",
}
# A part imports only from parts of lower layers (docs/architecture.md). A part is the longest of these names
# that a module's dotted name begins with; modules of one part know each other.
LAYERS = (
    {"records", "errors"},
    {"files"},
    {
        "config",
        "device",
        "recipes.formats",
        "interrupt",
        "keys",
        "outputs",
        "journal.sqlite",
        "plugins",
        "vectors",
        "schema",
    },
    {"images", "recipes.lineage", "manifest", "nets"},
    {"recipes"},
    {"sources", "embedding", "journal", "store"},
    {"picture_loader", "query"},
    {"ingest", "query.terms", "render", "landscape", "training", "maintenance", "store.weaviate.probe"},
    {"explore", "generation"},
    {"generators"},
    {"opening", "testing", "training.generator", "maintenance.check"},
    {"library", "maintenance.repair"},
    {"server"},
    {"cli"},
)
# The one arrow inside the lowest layers that points up: an alias of a numpy type.
ALLOWED = {("records", "vectors")}
NO_LAYER = {"__init__", "__main__"}  # the front doors: they reach everything, lazily


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """The dotted name of a module inside the package; that of a folder for its `__init__.py`."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def part_of(dotted: str) -> str:
    """The part of `LAYERS` that a module belongs to: `query.terms`, or `store` for `store.lance.rows`."""
    parts = [part for names in LAYERS for part in names if f"{dotted}.".startswith(f"{part}.")]
    assert parts, f"`{dotted}` has no layer: give it one here and in docs/architecture.md"
    return max(parts, key=len)


def imported(path: Path) -> Iterator[str]:
    """The phosphene modules that a file imports anywhere, in functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name.removeprefix("phosphene.") for name in names if name.startswith("phosphene."))


def layer_of(part: str) -> int:
    return next(number for number, names in enumerate(LAYERS) if part in names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_lower_layers(path: Path) -> None:
    if name_of(path) in NO_LAYER:
        return
    module = part_of(name_of(path))
    for other in map(part_of, imported(path)):
        fine = other == module or (module, other) in ALLOWED or layer_of(other) < layer_of(module)
        assert fine, f"{path} imports phosphene.{other}, which is not below it"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_of_our_own_are_absolute(path: Path) -> None:
    relative = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom) and n.level]
    assert not relative


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["search", "--help"],
        ["train", "--help"],
        ["serve", "--help"],
        ["--version"],
        ["completion", "bash"],
    ],
)
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys, json, phosphene.cli as cli\n"
        f"try: cli.phosphene({words!r})\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(ended.stderr))


def test_importing_phosphene_loads_nothing_heavy() -> None:
    code = "import sys, json, phosphene; print(json.dumps(sorted(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(ended.stdout))


def test_the_public_names_are_these() -> None:
    assert sorted(phosphene.__all__) == ["Library", "__version__", "open"]
    assert callable(phosphene.open)
    assert phosphene.Library.__module__ == "phosphene.library"


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        phosphene.opne  # noqa: B018
