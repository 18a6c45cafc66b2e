"""Commands import only what they need. A repeated query needs no model, no LanceDB and no server's client."""

import json
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from asked_library import QUERY, asked_library
from oracle import made
from phosphene.images import image_id
from phosphene.journal import Journal, Seen
from phosphene.sources import file_item
from phosphene.store.lance.store import LanceStore

MODELS = {
    "diffusers",
    "fastapi",
    "onnxruntime",
    "open_clip",
    "tokenizers",
    "torch",
    "torchvision",
    "transformers",
}
STORES = {"grpc", "httpx", "lance_namespace", "lancedb", "pyarrow", "pydantic", "weaviate"}
PICTURES = {"rich"}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return asked_library(tmp_path / "a.lib")


def imported_by(library: Path, *words: str) -> set[str]:
    """The packages that a command has imported when it ends. It must succeed."""
    code = (
        "import sys, json, phosphene.cli as cli\n"
        f"try: cli.phosphene({['-L', str(library), *words]!r})\n"
        "except SystemExit as ended: assert not ended.code, ended.code\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(ended.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "words",
    [
        ("search", QUERY),
        ("search", "--json", "--diversity", "0.5", "--origin", "imported", QUERY),
        ("search", f"id:{made(1)[0].id}"),
        ("search", QUERY, "created:2026", "caption:house,boat", "width:1..", "-model:sdxl"),
        ("search", "created:2026", "--sort", "taken", "--as", "paths"),
        ("status",),
        ("show", made(1)[0].id),
        ("remove", "--missing", "--yes"),
    ],
    ids=" ".join,
)
def test_a_command_that_only_reads_imports_neither_models_nor_stores(
    library: Path, words: tuple[str, ...]
) -> None:
    assert not imported_by(library, *words) & (MODELS | STORES | PICTURES)


@pytest.mark.parametrize("words", [("map", "-o"), ("walk", f"id:{made(1)[0].id}", QUERY, "-o")], ids=" ".join)
def test_a_command_that_draws_imports_neither_models_nor_stores(
    library: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    assert not imported_by(library, *words, str(tmp_path / "drawn.png")) & (MODELS | STORES)


def test_removing_an_image_imports_no_models(library: Path) -> None:
    imported = imported_by(library, "remove", "--yes", made(1)[0].id)

    assert not imported & (MODELS | {"weaviate", "grpc", "rich"})
    assert "lancedb" in imported, "it writes"
    assert not imported_by(library, "search", QUERY) & (MODELS | STORES), "and has written a snapshot"


def test_adding_what_has_not_changed_imports_neither_models_nor_stores(library: Path, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "red.png")
    item, digest = file_item(tmp_path / "red.png"), sha256((tmp_path / "red.png").read_bytes()).hexdigest()
    store, journal = LanceStore.open(library / "store"), Journal(library / "journal.sqlite")
    added = replace(made(1)[0], id=image_id(digest), sha256=digest, uri=item.uri)
    store.upsert([added])
    journal.record(
        [Seen(item.uri, item.stamp, added.id), *(Seen(each.uri, "", each.id) for each in made(20))]
    )
    store.close()
    journal.close()

    assert not imported_by(library, "add", str(tmp_path / "red.png")) & (MODELS | STORES | PICTURES)
