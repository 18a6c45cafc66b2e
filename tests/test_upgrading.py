"""Libraries of older formats, which earlier versions made (`tests/format1`, …), are read and upgraded."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import lancedb
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image as Pillow

import phosphene
from command import lines, run
from phosphene.errors import Upgraded
from phosphene.fields import NAMES, NONE, Fields
from phosphene.filters import (
    GENERATED,
    IMPORTED,
    Compare,
    Equals,
    Filter,
    HasWords,
    Not,
    all_of,
    with_ids,
)
from phosphene.library import Library
from phosphene.maintenance.upgrading import begin_writing
from phosphene.manifest import FORMAT, Manifest
from phosphene.store.lance import upgrade
from phosphene.store.lance.store import LanceStore
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.registry import IDS, REGISTRY
from phosphene.store.weaviate.store import WeaviateStore
from phosphene.vectors import unit
from weaviate_server import Server

FIXTURES = {number: Path(__file__).parent / f"format{number}" for number in (1, 2)}
ADDED, MADE = 5, 3
FIRST = {  # the fields of the first image that was generated, by the name of the fixture
    name: Fields(prompt="a red house", model=model, sampler="UniPC", seed=7, steps=2, guidance=5.0)
    for name, model in (("format1", "builtin/landscape"), ("format2", "retrieval"))
}
WEIGHTS = "f96b5bd096eb"  # the generator that was built in at that time
COLLECTIONS = (f"Old{number}" for number in itertools.count())
UPGRADE = "import sys, phosphene\nwith phosphene.open(sys.argv[1]) as library:\n    library.begin_writing()\n"


@pytest.fixture(params=FIXTURES)
def fixture(request: pytest.FixtureRequest) -> Path:
    """The files of each older format."""
    return FIXTURES[request.param]


@pytest.fixture
def folder(fixture: Path, tmp_path: Path) -> Path:
    """A copy of the library of an older format."""
    return Path(shutil.copytree(fixture / "library", tmp_path / "old"))


@pytest.fixture
def read_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy as a read-only library. Root may write, so the answer of the system is replaced."""
    access = os.access

    def answer(path: Path, mode: int, **options: bool) -> bool:
        return not (Path(path).is_relative_to(folder) and mode & os.W_OK) and access(path, mode, **options)

    monkeypatch.setattr(os, "access", answer)
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return folder


def held(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of the store."""
    found: list[dict[str, Any]] = lancedb.connect(folder / "store").open_table("images").search().to_list()
    return found


def copy_of_manifest(folder: Path, fixture: Path) -> Path:
    return folder / f"library.json.{fixture.name}"


def manifest_of(folder: Path) -> Manifest:
    manifest = Manifest.read(folder)
    assert manifest is not None
    return manifest


def recipes(library: Library) -> dict[str, Any]:
    """The recipes as they are stored, by id."""
    return {image.id: image.recipe for image in library.store.iterate(GENERATED)}


def is_upgraded(folder: Path) -> bool:
    return manifest_of(folder).format == FORMAT and are_upgraded(rows(folder))


def are_upgraded(rows: list[dict[str, Any]]) -> bool:
    """Whether rows or objects have today's origins, and the fields of their recipes."""
    today = {("imported", False), ("generated", True)}
    return {(row["origin"], row.get("steps") is not None) for row in rows} == today


def is_old(folder: Path) -> bool:
    return manifest_of(folder).format < FORMAT and not any("steps" in row for row in rows(folder))


# ── reading ───────────────────────────────────────────────────────────────────────────────────


def test_it_is_read_as_it_is_and_nothing_is_written(read_only: Path) -> None:
    before = held(read_only)
    with phosphene.open(read_only) as library:
        status = library.status()
        found = {hit.image.origin for hit in library.search("a red house", 20, origin="imported")}
        listed = [image.origin for image in library.store.iterate(IMPORTED)]
        without = library.store.count(all_of(IMPORTED, Not(with_ids(["x"]))))
        points = library.map().points

    assert (status.images, status.imported, status.generated) == (ADDED + MADE, ADDED, MADE)
    assert found == {"imported"} and listed == ["imported"] * ADDED and without == ADDED
    assert len(points) == ADDED + MADE
    assert held(read_only) == before


def test_commands_that_only_read_leave_the_format_alone(folder: Path) -> None:
    [status] = lines("-L", folder, "status")
    found = lines("-L", folder, "search", "a red house", "--origin", "imported")

    assert (status["imported"], status["generated"]) == (ADDED, MADE)
    assert {hit["origin"] for hit in found} == {"imported"}
    assert is_old(folder) and not list(folder.glob("library.json.*"))


def test_a_filter_by_a_field_holds_for_none_and_its_negation_for_all(folder: Path) -> None:
    filters: list[tuple[Filter, int]] = [
        (HasWords("camera", frozenset({"canon"})), 0),
        (Not(Compare("seed", ">=", 0)), ADDED + MADE),
        (all_of(GENERATED, Not(Compare("taken", "<", "2025-01-01"))), MADE),
    ]
    stores = [LanceStore.open(folder / "store", snapshots=each) for each in (True, False)]
    for store, (where, count) in itertools.product(stores, filters):
        assert store.count(where) == count
        assert len(list(store.iterate(where))) == count
        assert len(store.near(unit(np.ones(store.space.dimension)), 20, where)) == count


def test_its_recipes_give_the_same_pictures_before_and_after_the_upgrade(tmp_path: Path) -> None:
    fixture = FIXTURES[1]
    folder = Path(shutil.copytree(fixture / "library", tmp_path / "old"))
    with phosphene.open(folder) as library:
        ids = sorted(recipes(library))
        before = [library.replay(id) for id in ids]
        with pytest.warns(Upgraded):
            library.begin_writing()
        alone = library.replay(fixture / "alone.png")
        inpainted = library.replay(fixture / "inpainted.png", mask=fixture / "mask.png")
        after = [library.replay(id) for id in ids]

    assert len(before) == MADE
    assert [each.picture.tobytes() for each in before] == [each.picture.tobytes() for each in after]
    for again in (*before, alone, inpainted):
        [difference] = again.differences
        assert f"the weights {WEIGHTS} made the first picture" in difference


# ── upgrading ─────────────────────────────────────────────────────────────────────────────────


def test_the_first_write_upgrades_it_and_says_so(folder: Path, fixture: Path, tmp_path: Path) -> None:
    Pillow.new("RGB", (64, 64), "red").save(tmp_path / "red.png")
    with phosphene.open(folder) as library:
        before = recipes(library)

    result = run("-L", folder, "add", tmp_path / "red.png")

    assert result.exit_code == 0
    kept = copy_of_manifest(folder, fixture)
    assert f"upgraded from format {fixture.name[-1]} to format {FORMAT}" in result.stderr
    assert kept.name in result.stderr
    assert is_upgraded(folder)
    assert kept.read_bytes() == (fixture / "library" / "library.json").read_bytes()
    with phosphene.open(folder) as library:
        assert recipes(library) == before
        assert (library.status().imported, library.status().generated) == (ADDED + 1, MADE)
    again = run("-L", folder, "add", tmp_path / "red.png")
    assert "upgraded" not in again.stderr


@pytest.mark.parametrize("write", ["remove", "copy", "generate --into"])
def test_other_writes_upgrade_it_too(write: str, folder: Path, fixture: Path, tmp_path: Path) -> None:
    with phosphene.open(folder) as library:
        [first, *_] = [image.id for image in library.store.iterate(IMPORTED)]
    fresh = Path(shutil.copytree(fixture / "library", tmp_path / "fresh"))
    quick = ("-n", 1, "--steps", 1, "--candidates", 1, "-k", 2, "--seed", 7)
    words = {
        "remove": ("-L", folder, "remove", first, "--yes"),
        "copy": ("copy", fresh, folder),
        "generate --into": ("-L", fresh, "generate", "a red house", *quick, "--into", folder),
    }[write]

    result = run(*words)

    assert result.exit_code == 0, result.stderr
    assert is_upgraded(folder) and is_old(fresh)


def test_a_copy_of_it_has_the_new_format_and_is_whole(folder: Path, tmp_path: Path) -> None:
    copied = run("copy", folder, tmp_path / "copy")
    checked = run("-L", tmp_path / "copy", "check")

    assert (copied.exit_code, checked.exit_code) == (0, 0), checked.stdout
    assert is_upgraded(tmp_path / "copy") and is_old(folder)


def test_generated_images_get_the_fields_of_their_recipes(
    folder: Path, fixture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "BATCH", 1)
    table = lancedb.connect(folder / "store").open_table("images")
    table.add_columns({"theirs": "'kept'"})
    with phosphene.open(folder) as library, pytest.warns(Upgraded):
        library.search("a red house", 3)  # so that there is a snapshot of the old rows
        library.begin_writing()
        [first] = library.store.iterate(all_of(GENERATED, Compare("seed", "<=", 7)))
        [second] = library.store.iterate(HasWords("negative", frozenset({"snow"})))
        unknown = {image.fields for image in library.store.iterate(IMPORTED)}

    assert first.fields == FIRST[fixture.name]
    assert (second.fields.prompt, second.fields.seed) == ("a pond in the evening", 8)
    assert unknown == {NONE}
    assert {row["theirs"] for row in rows(folder)} == {"kept"}
    assert is_upgraded(folder)


def test_a_process_that_had_it_open_sees_the_fields_and_keeps_them(folder: Path) -> None:
    with phosphene.open(folder) as before, phosphene.open(folder) as other:
        assert {image.fields for image in before.store.iterate()} == {NONE}
        with pytest.warns(Upgraded):
            other.begin_writing()

        before.begin_writing()
        before.store.upsert(list(before.store.iterate(vectors=True)))

    assert is_upgraded(folder)


def test_a_repair_upgrades_rows_whose_manifest_is_lost(folder: Path) -> None:
    (folder / "library.json").unlink()

    result = run("-L", folder, "repair")

    assert result.exit_code == 0, result.stderr
    assert is_upgraded(folder)


@pytest.mark.parametrize("step", ["upgrade_rows", "write_manifest"])
def test_an_interrupted_upgrade_is_finished_by_the_next_write(
    step: str, folder: Path, fixture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, phosphene.open(folder) as library:
        patched.setattr(LanceStore, step, interrupt)
        with pytest.raises(KeyboardInterrupt):
            library.begin_writing()

    assert manifest_of(folder).format < FORMAT and copy_of_manifest(folder, fixture).exists()
    assert are_upgraded(rows(folder)) == (step == "write_manifest")
    with phosphene.open(folder) as library:
        assert library.status().imported == ADDED
        with pytest.warns(Upgraded):
            library.begin_writing()
    assert is_upgraded(folder)


@pytest.mark.parametrize("kept", range(MADE))
def test_an_upgrade_that_is_killed_between_two_batches_is_finished(
    kept: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        if next(commits) == kept:
            raise KeyboardInterrupt
        yield from described(batch)

    described, commits = upgrade._described, itertools.count()
    with monkeypatch.context() as patched, phosphene.open(folder) as library:
        patched.setattr(upgrade, "BATCH", 1)
        patched.setattr(upgrade, "_described", killed)
        with pytest.raises(KeyboardInterrupt):
            library.begin_writing()

    assert sum(row["steps"] == 2 for row in rows(folder)) == kept
    with phosphene.open(folder) as library, pytest.warns(Upgraded):
        library.begin_writing()
    assert is_upgraded(folder)


def test_two_processes_that_write_at_once_upgrade_it_once(folder: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", UPGRADE, folder], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate()[1] for process in processes]

    assert [process.returncode for process in processes] == [0, 0], said
    assert "".join(said).count("was upgraded") == 1
    assert is_upgraded(folder)


def test_a_library_of_this_format_is_left_alone(tmp_path: Path, folder: Path) -> None:
    with phosphene.open(folder) as library, pytest.warns(Upgraded):
        library.begin_writing()
    before = held(folder)

    with phosphene.open(folder) as library, warnings.catch_warnings():
        warnings.simplefilter("error")
        library.begin_writing()

    assert held(folder) == before


# ── on a server ───────────────────────────────────────────────────────────────────────────────


class Put:
    """A collection of an older format, as that version left it, with a property of another program."""

    def __init__(self, server: Server, fixture: Path, tenants: tuple[str, ...] = ()) -> None:
        self.server, self.name = server, next(COLLECTIONS)
        dump = json.loads((fixture / "weaviate.json").read_text(encoding="utf-8"))
        images, registry = dump["collections"]
        images["properties"].append({"name": "theirs", "dataType": ["text"]})
        self.post("schema", {**images, "class": self.name, "multiTenancyConfig": {"enabled": bool(tenants)}})
        if httpx.get(f"{server.base}/v1/schema/{REGISTRY}").status_code == httpx.codes.NOT_FOUND:
            self.post("schema", registry)
        properties = {**dump["registered"]["properties"], "collection": self.name}
        self.post("objects", {"class": REGISTRY, "id": self.registered, "properties": properties})
        if tenants:
            self.post(f"schema/{self.name}/tenants", [{"name": tenant} for tenant in tenants])
        for tenant in tenants or (None,):
            for each in dump["objects"]:
                each = {**each, "class": self.name, "properties": {**each["properties"], "theirs": "kept"}}
                self.post("objects", each | ({"tenant": tenant} if tenant else {}))

    @property
    def registered(self) -> str:
        return str(uuid.uuid5(IDS, self.name))

    def post(self, path: str, body: object) -> None:
        httpx.post(f"{self.server.base}/v1/{path}", json=body).raise_for_status()

    def get(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = httpx.get(f"{self.server.base}/v1/{path}").raise_for_status().json()
        return answer

    @property
    def format(self) -> int:
        """The format in the registry."""
        manifest = self.get(f"objects/{REGISTRY}/{self.registered}")["properties"]["manifest"]
        return int(json.loads(manifest)["format"])

    def objects(self, tenant: str = "") -> list[dict[str, Any]]:
        options = f"&tenant={tenant}" if tenant else ""
        path = f"objects?class={self.name}&limit=100&include=vector{options}"
        return sorted(self.get(path)["objects"], key=lambda each: str(each["id"]))

    def properties(self, tenant: str = "") -> list[dict[str, Any]]:
        return [each["properties"] for each in self.objects(tenant)]


@pytest.fixture
def put(weaviate: Server, fixture: Path) -> Callable[..., Put]:
    return lambda *tenants: Put(weaviate, fixture, tenants)


def test_a_collection_is_read_as_it_is_and_upgraded_whole(put: Callable[..., Put], fixture: Path) -> None:
    collection = put()
    before = collection.objects()
    with phosphene.open(collection.server.url(collection.name)) as library:
        vector = np.asarray(library.store.get([before[0]["id"]], vectors=True)[0].vector)
        assert (library.status().imported, library.status().generated) == (ADDED, MADE)
        assert len(library.store.near(vector, 20, IMPORTED)) == ADDED
        assert {image.origin for image in library.store.iterate(IMPORTED)} == {"imported"}
        assert library.store.count(Compare("seed", ">=", 0)) == 0
        assert library.store.count(Not(HasWords("camera", frozenset({"canon"})))) == ADDED + MADE
        assert len(library.store.near(vector, 20, Not(Compare("seed", ">=", 0)))) == ADDED + MADE
        assert collection.format < FORMAT and not are_upgraded(collection.properties())

        with pytest.warns(Upgraded) as warned:
            library.begin_writing()

        hits = library.store.near(vector, 20)
        assert (library.status().imported, library.status().generated) == (ADDED, MADE)
        [first] = library.store.iterate(Equals("seed", 7))
        assert first.fields == FIRST[fixture.name]
        kept = copy_of_manifest(library.folder, fixture)
        assert kept.exists()
    [said] = [str(one.message) for one in warned]
    assert said.startswith(f"`{Address.parse(collection.server.url(collection.name))}` was upgraded")
    assert f"kept as `{kept}`" in said
    assert collection.format == FORMAT and are_upgraded(collection.properties())
    assert hits[0].image.id == before[0]["id"] and len(hits) == ADDED + MADE
    for old, new in zip(before, collection.objects(), strict=True):
        assert new["vectors"] == old["vectors"]
        mine = {"origin", *NAMES}
        assert {name: value for name, value in new["properties"].items() if name not in mine} == {
            name: value for name, value in old["properties"].items() if name not in mine
        }
    assert not lines("schema", "check", collection.server.url(collection.name))


def test_an_interrupted_upgrade_of_a_collection_is_finished(
    put: Callable[..., Put], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    collection = put()
    with phosphene.open(collection.server.url(collection.name)) as library:
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(WeaviateStore, "write_manifest", interrupt)
            library.begin_writing()
        assert collection.format < FORMAT and library.status().imported == ADDED
        with pytest.warns(Upgraded):
            library.begin_writing()
    assert collection.format == FORMAT


def test_all_tenants_of_a_collection_are_upgraded_and_none_is_forgotten(put: Callable[..., Put]) -> None:
    collection = put("one", "two")
    tenants = f"{collection.server.base}/v1/schema/{collection.name}/tenants"
    httpx.put(tenants, json=[{"name": "two", "activityStatus": "COLD"}]).raise_for_status()
    url = collection.server.url(collection.name, tenant="one")
    with phosphene.open(url) as library:
        library.begin_writing()
    assert are_upgraded(collection.properties("one"))
    assert collection.format < FORMAT  # `two` cannot be reached yet

    httpx.put(tenants, json=[{"name": "two", "activityStatus": "HOT"}]).raise_for_status()
    with phosphene.open(url) as library, pytest.warns(Upgraded):
        library.begin_writing()
    assert are_upgraded(collection.properties("two")) and collection.format == FORMAT


def test_stores_of_plugins_have_no_older_format(tmp_path: Path) -> None:
    class Plain:
        """A store that phosphene never wrote before."""

    (tmp_path / "library").mkdir()

    begin_writing(tmp_path / "library", Plain())  # type: ignore[arg-type]

    assert list((tmp_path / "library").iterdir()) == []
