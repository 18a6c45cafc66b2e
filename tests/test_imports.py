"""Modules import only lower layers, `--help` imports no model code, and the public names stay."""

import ast
import json
import subprocess
import sys
from collections.abc import Container, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import phosphene

PACKAGE = Path(phosphene.__file__).parent
ROOT = Path(__file__).parent.parent
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
    {"folding", "times", "version"},
    {"fields"},
    {"records", "errors"},
    {"batches", "byte_sizes", "extras", "files", "filters"},
    {
        "config",
        "device",
        "interrupt",
        "keys",
        "machine",
        "memory",
        "outputs",
        "journal.sqlite",
        "plugins",
        "vectors",
        "store.image_schema",
        "recipes.formats",
    },
    {
        "images",
        "ingest.lock",
        "recipes.lineage",
        "manifest",
        "nets",
        "landscape",
        "preferences",
        "saved_queries",
    },
    {"recipes", "hub", "metadata"},
    {"sources", "embedding", "journal", "store"},
    {"maintenance.missing", "maintenance.status", "maintenance.upgrading", "picture_loader", "query"},
    {
        "ingest",
        "query.terms",
        "duplicates",
        "training",
        "store.weaviate.probe",
    },
    {"explore", "relevance", "maintenance.copying", "store.weaviate.location"},
    {"generation"},
    {"generators.diffusers.families"},
    {"catalogue"},
    {"export", "generators", "render"},
    {"opening", "catalogue.checkpoints", "training.generator", "training.lora", "maintenance"},
    {"library"},
    {"server"},
    {"cli", "testing"},
)
# The one arrow inside the lowest layers that points up: an alias of a numpy type.
ALLOWED = {("records", "vectors")}
# Folders whose modules may share names, because they hold the same idea: a command with what it computes and
# draws; a network, its training, their command and the generators; the stores with what is common to them;
# a format that is read with the same format that is written.
FAMILIES = (
    ("cli", "cli.commands", "explore", "maintenance", "render"),
    ("nets", "training", "generators.retrieval", "generators.diffusers", "cli.commands.train"),
    ("store", "store.lance", "store.weaviate"),
    ("sources", "export"),
)
# What every kind of model has: how it is loaded, what identifies its weights, and a saved state of it.
TERMS = {"loading", "identity", "checkpoint"}
NO_LAYER = {"__init__", "__main__"}  # the front doors: they reach everything, lazily


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """The dotted name of a module inside the package. A folder's `__init__.py` has the folder's name."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def part_of(dotted: str) -> str:
    """The part of `LAYERS` that a module belongs to: `query.terms`, or `store` for `store.lance.rows`."""
    parts = [part for names in LAYERS for part in names if f"{dotted}.".startswith(f"{part}.")]
    assert parts, f"`{dotted}` has no layer: give it one here and in docs/architecture.md"
    return max(parts, key=len)


def imported(path: Path, known: Container[str] = frozenset(), *, typing: bool = True) -> Iterator[str]:
    """The modules that a file imports anywhere, also in functions. `known` modules have their full names.

    Without `typing`, imports for the type checker alone do not count.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unseen = set() if typing else {id(node) for node in _for_types_alone(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and id(node) not in unseen:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in known else node.module for name in names)
        elif isinstance(node, ast.Import) and id(node) not in unseen:
            yield from (alias.name for alias in node.names)


def _for_types_alone(tree: ast.AST) -> Iterator[ast.AST]:
    """Everything below `if TYPE_CHECKING:`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for statement in node.body:
                yield from ast.walk(statement)


def graph(folder: Path, package: str = "") -> dict[str, set[str]]:
    """The modules that each module of a folder imports at run time, at its top or in a function."""
    files = {}
    for path in sorted(folder.rglob("*.py")):
        dotted = ".".join((*package.split(), *path.relative_to(folder).with_suffix("").parts))
        files[dotted.removesuffix(".__init__")] = path
    return {
        name: {other for other in imported(path, files, typing=False) if other in files and other != name}
        for name, path in files.items()
    }


def cycle(arrows: Mapping[str, set[str]]) -> list[str]:
    """The modules of one cycle in order, with the first one again at the end. Empty if there is no cycle."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def layer_of(part: str) -> int:
    return next(number for number, names in enumerate(LAYERS) if part in names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_lower_layers(path: Path) -> None:
    if name_of(path) in NO_LAYER:
        return
    module = part_of(name_of(path))
    ours = (name.removeprefix("phosphene.") for name in imported(path) if name.startswith("phosphene."))
    for other in map(part_of, ours):
        fine = other == module or (module, other) in ALLOWED or layer_of(other) < layer_of(module)
        assert fine, f"{path} imports phosphene.{other}, which is not below it"


def family_of(folder: str) -> str:
    return next((names[0] for names in FAMILIES if folder in names), folder)


def test_no_two_modules_of_one_name_hold_different_ideas() -> None:
    found: dict[str, set[str]] = {}
    for path in modules():
        folder, _, name = name_of(path).rpartition(".")
        if path.stem not in {"__init__", *TERMS}:
            found.setdefault(name, set()).add(family_of(folder))

    assert {name: folders for name, folders in found.items() if len(folders) > 1} == {}


def test_no_two_classes_or_types_have_one_name() -> None:
    found: dict[str, list[str]] = {}
    for path in modules():
        for name in types_in(path):
            found.setdefault(name, []).append(name_of(path))

    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def types_in(path: Path) -> Iterator[str]:
    """The classes and type aliases that a module defines, except type variables of one letter."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            yield from (name for name in names if len(name) > 1 and name[0].isupper() and not name.isupper())


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_of_our_own_are_absolute(path: Path) -> None:
    relative = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom) and n.level]
    assert not relative


def test_no_command_imports_another() -> None:
    commands = PACKAGE / "cli" / "commands"
    wrong = {
        (path.stem, name)
        for path in sorted(commands.glob("*.py"))
        for name in imported(path)
        if name.startswith("phosphene.cli.commands")
    }
    assert not wrong


@pytest.mark.parametrize("folder", ["plugin", "bench", "tests"])
def test_no_module_imports_itself_by_way_of_others(folder: str) -> None:
    name, package = (PACKAGE, "phosphene") if folder == "plugin" else (ROOT / folder, "")
    arrows = graph(name, package)
    assert cycle(arrows) == []


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


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        phosphene.opne  # noqa: B018
