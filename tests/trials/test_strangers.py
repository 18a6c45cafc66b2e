"""Libraries of strangers are data, and nothing in them is obeyed."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
import pytest

from command import run
from phosphene.errors import StoreError
from phosphene.files import write_whole
from phosphene.store.lance.store import LanceStore
from pictures import drawn, encoded
from trial import Trial

HOUSE = "a red house"


def put(library: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows into a library's store as another program may. Missing fields are null."""
    table = lancedb.connect(library / "store").open_table("images")
    named = [{name: row.get(name) for name in table.schema.names} for row in rows]
    table.add(pa.Table.from_pylist(named, schema=table.schema), on_bad_vectors="null")


def direction(library: Path, place: int = 0) -> list[float]:
    """The vector of one of the library's pictures."""
    table = lancedb.connect(library / "store").open_table("images").to_arrow()
    vector: list[float] = table["vector"].to_pylist()[place]
    return vector


def odd(number: int, **values: Any) -> dict[str, Any]:
    """A row of another program with a valid id."""
    return {"id": f"00000000-0000-4000-8000-{number:012}", **values}


# ── copying writes into the copy alone ────────────────────────────────────────────────────


@pytest.mark.parametrize("id", ["../../cat", "/cat", "cat", "", "..", "A1B2C3D4-0000-4000-8000-00000000000A"])
def test_an_id_that_is_none_writes_nothing_and_is_named(trial: Trial, id: str) -> None:
    (trial.folder / "cat.png").write_bytes(b"my only photograph")
    uri = f"pictures/{id}.png"
    put(trial.library, [{"id": id, "uri": uri, "origin": "generated", "vector": direction(trial.library)}])
    write_whole(trial.library / "cat.png", encoded(drawn(1)))

    told = run("copy", trial.library, trial.folder / "home" / "mine.lib", "--json")

    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["passed_over"] == 1
    assert f"{id!r} is not an id" in told.stderr
    assert (trial.folder / "cat.png").read_bytes() == b"my only photograph"
    written = {path.name for path in (trial.folder / "home" / "mine.lib" / "pictures").iterdir()}
    assert written == {f"{id}.png" for id in trial.generated()}


@pytest.mark.parametrize("how", ["link to a file", "link to a folder", "no PNG", "a pipe"])
def test_a_copy_brings_no_other_file_of_this_machine_along(trial: Trial, how: str) -> None:
    import os

    secret = trial.folder / "secret"
    secret.mkdir()
    picture = trial.library / "pictures" / f"{trial.generated()[0]}.png"
    (secret / picture.name).write_bytes(picture.read_bytes())
    if how == "link to a folder":
        (trial.library / "pictures").rename(trial.folder / "away")
        (trial.library / "pictures").symlink_to(secret)
    else:
        picture.unlink()
    if how == "link to a file":
        picture.symlink_to(secret / picture.name)
    elif how == "no PNG":
        picture.write_bytes(b"root:x:0:0:root")
    elif how == "a pipe":
        os.mkfifo(picture)

    told = run("copy", trial.library, trial.folder / "mine.lib", "--json")

    if how == "link to a folder":
        assert "leads out of the library" in told.stderr
    else:
        assert json.loads(told.stdout)["without_file"] >= 1
    assert not (trial.folder / "mine.lib" / "pictures" / picture.name).exists()


# ── odd rows ──────────────────────────────────────────────────────────────────────────────


def test_incomplete_rows_are_shown_or_skipped(trial: Trial) -> None:
    near = direction(trial.library)
    put(
        trial.library,
        [
            odd(1, vector=near),
            odd(2, vector=near, origin="scraped", caption="from elsewhere", created="yesterday", norm=-1.0),
            odd(3, vector=near, origin="generated", recipe="[1, 2", parents=["x"], parentWeights=[1.0]),
            odd(4, origin="imported"),  # no vector: no search can find it
            {"id": "../../cat", "vector": near},
        ],
    )

    hits = trial.lines("search", "id:00000000-0000-4000-8000-000000000001", "-n", 50)
    found = {hit["id"][-1]: hit for hit in hits if hit["id"].startswith("00000000-0000-4000")}
    assert len(hits) == 35  # 30 drawn, 2 generated, and three of the odd ones
    assert sorted(found) == ["1", "2", "3"]
    assert [found[number]["origin"] for number in "123"] == ["imported", "imported", "generated"]

    for id in ("00000000-0000-4000-8000-00000000000" + number for number in "1234"):
        assert trial.lines("show", id)[0]["created"] == ""
    sheet, family, chart = (trial.folder / name for name in ("sheet.png", "family.png", "map.png"))
    for words in (
        ["search", HOUSE, "-n", 8, "-o", sheet],
        ["search", HOUSE, "-n", 50, "--origin", "imported", "--diversity", 0.5],
        ["show", "00000000-0000-4000-8000-000000000003", "-o", family],
        ["map", "-o", chart],
        ["generate", HOUSE, "-n", 1, "--steps", 1, "--candidates", 1, "--seed", 3],
        ["remove", "--missing", "--yes"],
    ):
        told = trial.run(*words)
        assert told.exit_code == 0, told.output

    copied = run("copy", trial.library, trial.folder / "mine.lib", "--json")
    assert copied.exit_code == 0, copied.output
    assert json.loads(copied.stdout)["passed_over"] >= 1
    assert len(run("-L", trial.folder / "mine.lib", "search", HOUSE, "-n", 50, "-q").stdout.split()) > 30


def test_odd_rows_do_not_crowd_out_the_images(trial: Trial) -> None:
    near = direction(trial.library)
    put(trial.library, [{"id": f"no id {number}", "vector": near} for number in range(40)])

    told = trial.run("search", HOUSE, "-n", 10, "-q")

    assert len(told.stdout.split()) == 10
    assert told.stderr.count("is not an image") <= 3


def test_damaged_thumbnails_end_nothing(trial: Trial) -> None:
    table = lancedb.connect(trial.library / "store").open_table("thumbnails")
    ids = table.to_arrow()["id"].to_pylist()
    contents = [b"no picture", b"", None, encoded(drawn(1))[:90], encoded(drawn(1, (4000, 1)))]
    damaged = {"id": ids, "thumbnail": [contents[place % 5] for place in range(len(ids))]}
    table.merge_insert("id").when_matched_update_all().execute(pa.table(damaged, schema=table.schema))
    for picture in (trial.library / "pictures").iterdir():
        picture.write_bytes(b"damaged, too")

    for words in (
        ["search", HOUSE, "-n", 40, "--preview", "blocks"],
        ["show", trial.generated()[0], "-o", trial.folder / "family.png"],
        ["map", "-o", trial.folder / "map.png"],
    ):
        told = trial.run(*words)
        assert told.exit_code == 0, told.output
    assert run("copy", trial.library, trial.folder / "mine.lib").exit_code == 0


# ── manifests and tables ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '"library"',
        "[" * 50_000,
        '{"format": "1"}',
        '{"format": 1e400, "space": {}}',
        '{"format": ' + "9" * 5000 + "}",
        '{"format": 1, "space": []}',
        '{"format": 1, "space": {"id": 1, "name": "landscape", "dimension": 4}}',
        '{"format": 1, "space": {"id": "x:1", "name": ["landscape"], "dimension": 4}}',
        '{"format": 1, "space": {"id": "x:1", "name": "landscape", "dimension": 1000000000000}}',
        '{"format": 1, "space": {"id": "x:1", "name": "landscape", "dimension": -4}}',
        '{"format": 1, "space": {"id": "x:1", "name": "landscape", "dimension": true}}',
        '{"format": 1, "space": {"id": "x:1", "name": "' + "a" * 100_000 + '", "dimension": 4}}',
    ],
)
def test_an_odd_manifest_is_named(trial: Trial, text: str) -> None:
    (trial.library / "library.json").write_text(text)

    told = trial.run("status")

    assert told.exit_code == 1
    assert "a.lib" in told.stderr
    assert "hint:" in told.stderr


@pytest.mark.parametrize("columns", [{"id": ["a"]}, {"id": ["a"], "vector": [[1.0, 2.0]]}, {"x": [1]}])
def test_a_table_of_something_else_is_named(trial: Trial, columns: dict[str, Any]) -> None:
    described = (lancedb.connect(trial.library / "store").open_table("images").schema.metadata)[b"space"]
    table = pa.table(columns).replace_schema_metadata({b"space": described})
    lancedb.connect(trial.library / "store").create_table("images", table, mode="overwrite")

    told = trial.run("search", HOUSE)

    assert told.exit_code == 1
    assert "are not a store of phosphene" in told.stderr


def test_a_table_that_says_an_odd_space_is_named(tmp_path: Path) -> None:
    fields = pa.schema([("id", pa.string()), ("vector", pa.list_(pa.float32(), 4))])
    for described in (b"[", b"{}", b'{"id": "x", "name": "y", "dimension": 4e9, "more": 1}'):
        folder = tmp_path / str(len(described))
        database = lancedb.connect(folder)
        database.create_table("thumbnails", schema=pa.schema([("id", pa.string())]))
        database.create_table("images", schema=fields.with_metadata({b"space": described}))
        with pytest.raises(Exception, match="manifest") as caught:
            LanceStore.open(folder)
        assert not isinstance(caught.value, StoreError | TypeError)


def test_vectors_without_a_direction_are_passed_over() -> None:
    from phosphene.store.invalid import normalised

    nan, inf = float("nan"), float("inf")
    vectors = np.array([[1, 0], [0, 0], [nan, 1], [inf, 1], [3e38, 3e38], [0, 2]], np.float32)

    scaled, usable = normalised(vectors)

    assert usable.tolist() == [True, False, False, False, True, True]
    np.testing.assert_allclose(np.linalg.norm(scaled[usable], axis=1), 1, atol=1e-6)


# ── the other files of a library ──────────────────────────────────────────────────────────


@pytest.mark.parametrize("part", ["journal.sqlite", "pictures", "store", "store/images.lance/_versions"])
def test_links_out_of_a_library_are_refused_before_anything_is_written(trial: Trial, part: str) -> None:
    outside = trial.folder / "outside"
    (trial.library / part).rename(outside)
    (trial.library / part).symlink_to(outside)

    told = trial.run("search", HOUSE)

    assert told.exit_code == 1
    assert "leads out of the library" in told.stderr


def test_a_library_that_is_a_link_itself_is_used(trial: Trial) -> None:
    (trial.folder / "link.lib").symlink_to(trial.library)

    assert run("-L", trial.folder / "link.lib", "search", "id:" + trial.generated()[0]).exit_code == 0


def test_a_journal_with_programs_is_not_used(trial: Trial) -> None:
    with sqlite3.connect(trial.library / "journal.sqlite") as database:
        database.execute("CREATE TRIGGER evil AFTER INSERT ON texts BEGIN DELETE FROM files; END")
    database.close()

    assert trial.run("search", "a text that nobody asked for yet").exit_code == 0

    with sqlite3.connect(trial.library / "journal.sqlite") as database:
        assert database.execute("SELECT count(*) FROM files").fetchone()[0] > 0
    database.close()


@pytest.mark.parametrize("vector", [b"", b"abc", b"\x00" * 1024, b"\xff" * 1024, b"\x00\x00\x80?", "text", 7])
def test_an_odd_kept_text_is_embedded_again(trial: Trial, vector: object) -> None:
    trial.run("search", HOUSE)
    with sqlite3.connect(trial.library / "journal.sqlite") as database:
        database.execute("UPDATE texts SET vector = ?", (vector,))
        database.execute("UPDATE files SET captions = '[1, {}'")
    database.close()

    told = trial.run("search", HOUSE)

    assert told.exit_code == 0, told.output
    assert "nan" not in told.stdout
