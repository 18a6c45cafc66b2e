"""Pictures in parquet and Arrow files, and in the folders of Hugging Face's `datasets`."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adding import add_to, contents
from phosphene.errors import ImageError
from phosphene.records import Failure
from phosphene.sources import Item, Source, scan
from phosphene.sources.contents import content_at
from phosphene.sources.datasets_folders import open_datasets
from phosphene.sources.kinds import kind_of
from phosphene.sources.picture_tables import PictureTable, PictureTables
from phosphene.sources.scan_options import ScanOptions
from phosphene.sources.table_rows import InOrder
from phosphene.sources.uris import part_of, to_path
from phosphene.testing.sources import SourceTests
from picture_tables import Columns, arrow, parquet, saved, structs
from pictures import cut, jpeg

IMAGE = {"_type": "Image"}
Write = Callable[..., Path]


def found(*paths: Path) -> list[Item | Failure]:
    with scan(paths) as items:
        return list(items)


def items_of(*paths: Path) -> list[Item]:
    listed = found(*paths)
    assert all(isinstance(item, Item) for item in listed), listed
    return [item for item in listed if isinstance(item, Item)]


def with_footer(path: Path, columns: object, group: int = 100, **features: object) -> Path:
    return arrow(path, columns, group, footer=True, **features)  # type: ignore[arg-type]


KINDS = pytest.mark.parametrize(
    ("write", "name"), [(parquet, "a.parquet"), (arrow, "a.arrow"), (with_footer, "a.feather")]
)


class TestParquet(SourceTests):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        pictures = [jpeg(number) for number in range(25)]
        columns: Columns = {"jpg": pictures, "caption": ["a house"] * 25, "url": ["https://example.com"] * 25}
        return PictureTables([PictureTable(parquet(tmp_path / "ünïcode 雪#1.parquet", columns, group=10))])


class TestArrow(SourceTests):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        columns: Columns = {"image": structs([jpeg(number) for number in range(25)]), "label": [0] * 25}
        return PictureTables([PictureTable(arrow(tmp_path / "a.arrow", columns, 10, image=IMAGE))])


class TestDataset(SourceTests):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        (tmp_path / "dataset_dict.json").parent.mkdir(exist_ok=True)
        (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
        saved(tmp_path / "train", "train", {"image": structs([jpeg(0)])}, {"image": structs([jpeg(1)])})
        saved(tmp_path / "test", "test", {"image": structs([jpeg(2)]), "text": ["a house"]})
        return open_datasets([str(tmp_path)], ScanOptions())


# ── rows ──────────────────────────────────────────────────────────────────────────────────


@KINDS
def test_a_row_is_a_picture_with_captions_and_fields(tmp_path: Path, write: Write, name: str) -> None:
    columns = {
        "image": structs([jpeg(0), jpeg(1)]), "text": ["a house", "a boat"], "lat": [1.5, None],
        "label": [1, 0], "tags": [["a", "b"], []], "taken": [datetime(2024, 5, 1, tzinfo=UTC)] * 2,
        "vector": [[0.5] * 8] * 2, "width": [64, 64],
    }  # fmt: skip
    features = {"image": IMAGE, "label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}
    path = write(tmp_path / name, columns, **features)
    first, second = items_of(path)
    assert first.captions == ("a house",) and second.captions == ("a boat",)
    assert dict(first.fields) == {
        "latitude": 1.5, "label": "dog", "tags": ["a", "b"], "taken": "2024-05-01T00:00:00+00:00",
    }  # fmt: skip
    assert [item.open() for item in (second, first)] == [jpeg(1), jpeg(0)]
    assert [(to_path(item.uri, Path()), part_of(item.uri)) for item in (first, second)] == [
        (path, "0"),
        (path, "1"),
    ]
    assert content_at(second.uri, tmp_path) == jpeg(1)


@KINDS
def test_rows_may_be_opened_in_any_order(tmp_path: Path, write: Write, name: str) -> None:
    pictures = [jpeg(number, (8, 8)) for number in range(70)]
    rows = items_of(write(tmp_path / name, {"image": pictures}, 30))
    for order in (range(70), range(69, -1, -1), [*range(0, 70, 3), *range(1, 70, 3), 69, 69, 0]):
        assert [rows[row].open() for row in order] == [pictures[row] for row in order]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"jpg": [b"1"], "thumb": [b"2"]}, b"1"),
        ({"hash": [b"2"], "image_bytes": [b"1"]}, b"1"),
        ({"anything": [b"1"]}, b"1"),
        ({"hash": [b"2"], "anything": structs([b"1"])}, b"1"),
    ],
)
def test_the_column_of_pictures_is_found(
    tmp_path: Path, columns: dict[str, list[bytes]], expected: bytes
) -> None:
    assert items_of(parquet(tmp_path / "a.parquet", columns))[0].open() == expected


def test_what_datasets_has_noted_decides_before_names(tmp_path: Path) -> None:
    columns: Columns = {"image": [b"2"], "other": structs([b"1"])}
    assert items_of(parquet(tmp_path / "a.parquet", columns, other=IMAGE))[0].open() == b"1"


@KINDS
def test_a_row_without_a_picture_is_a_failure_with_its_place(tmp_path: Path, write: Write, name: str) -> None:
    columns = {"image": structs([jpeg(0), None, b"no picture"]), "text": ["a", "b", "c"]}
    path = write(tmp_path / name, columns)
    added = add_to(tmp_path / "lib", path)
    assert (added.added, added.failed) == (1, 2)
    assert [(part_of(each.uri), each.reason) for each in added.failures] == [
        ("1", "there is no picture in this row"),
        ("2", "there is no picture in it"),
    ]


def test_strange_metadata_costs_nothing(tmp_path: Path) -> None:
    for features in ({"image": 7}, {"image": {"_type": ["Image"]}}, {"text": {"names": 7}}, {"x": None}):
        path = parquet(tmp_path / "a.parquet", {"image": [b"1"], "text": ["a"]}, **features)
        assert items_of(path)[0].captions == ("a",)


# ── damage ────────────────────────────────────────────────────────────────────────────────


@KINDS
def test_a_table_that_is_cut_off_is_one_failure_and_the_rest_goes_on(
    tmp_path: Path, write: Write, name: str
) -> None:
    columns = {"image": structs([jpeg(number) for number in range(8)])}
    other = write(tmp_path / "b" / name, columns)
    for share in (0.0, 0.01, 0.3, 0.7, 0.95):
        path = write(tmp_path / name, columns, 2)
        path.write_bytes(cut(path.read_bytes(), share))
        listed = found(path, other)
        whole = [item for item in listed if isinstance(item, Item)]
        failures = [item for item in listed if isinstance(item, Failure)]
        assert len(failures) == 1, share
        assert "cut off or damaged" in failures[0].reason
        assert [to_path(item.uri, Path()) for item in whole][-8:] == [other] * 8
        for item in whole:
            assert item.open() in columns["image"][int(part_of(item.uri))].values()


@KINDS
def test_damage_anywhere_ends_no_process(tmp_path: Path, write: Write, name: str) -> None:
    """Every part of the file is overwritten once, and what is not damaged can still be read."""
    columns = {"image": structs([jpeg(number, (8, 8)) for number in range(6)]), "text": ["a house"] * 6}
    path = write(tmp_path / name, columns, 2)
    content = path.read_bytes()
    for start in range(0, len(content), 97):
        path.write_bytes(content[:start] + b"\xa5" * 7 + content[start + 7 :])
        for item in PictureTables([PictureTable(path)]).items():
            if isinstance(item, Item):
                try:
                    assert isinstance(item.open(), bytes)
                except ImageError as error:
                    assert error.message
            else:
                assert item.reason


@KINDS
def test_a_table_that_changes_while_it_is_read_says_so(tmp_path: Path, write: Write, name: str) -> None:
    path = write(tmp_path / name, {"image": [jpeg(0), jpeg(1)]})
    with scan(path) as items:
        first = next(items)
        assert isinstance(first, Item) and first.open() == jpeg(0)
        path.write_bytes(path.read_bytes()[:20])
        for item in [first, *items]:
            if isinstance(item, Item):
                with pytest.raises(ImageError, match=f"`{name}` has changed while it was read"):
                    item.open()
        path.unlink()
        with pytest.raises(ImageError, match="no such file"):
            first.open()


def test_one_percent_of_damaged_rows_are_listed_and_all_others_added(tmp_path: Path) -> None:
    pictures = [jpeg(number, (8, 8)) if number % 100 else cut(jpeg(number)) for number in range(300)]
    path = parquet(tmp_path / "a.parquet", {"image": pictures, "text": ["a"] * 300}, group=70)
    added = add_to(tmp_path / "lib", path)
    assert (added.added, [part_of(each.uri) for each in added.failures]) == (297, ["0", "100", "200"])
    again = add_to(tmp_path / "lib", path)
    assert (again.added, again.unchanged, again.failed) == (0, 297, 3)


def test_a_table_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.parquet` cannot be added: no such file"):
        found(tmp_path / "gone.parquet")


def test_a_picture_keeps_its_place_in_the_library(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"image": [jpeg(0), jpeg(1)]})
    add_to(tmp_path / "lib", path)
    [images] = [contents(tmp_path / "lib")["images"]]
    assert sorted(image[1] for image in images.values()) == [f"{path.as_uri()}#0", f"{path.as_uri()}#1"]


def test_a_row_that_is_not_there_has_no_content(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"image": [jpeg(0)]})
    for part in ("7", "x", "-1", "1e3"):
        with pytest.raises(ImageError):
            content_at(f"{path.as_uri()}#{part}", tmp_path)


def test_pictures_that_nobody_asks_for_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phosphene.sources.table_rows.WAITING", 1000)
    rows = InOrder(iter([bytes(400)] * 100))
    assert rows.take(50) == bytes(400)
    assert [row for row in range(100) if rows.is_past(row)] == [*range(49), 50]


def test_damage_alone_is_an_error_that_tells_the_reason(tmp_path: Path) -> None:
    for name in ("a.parquet", "b.parquet"):
        (tmp_path / name).write_bytes(b"PAR1")
    with pytest.raises(ImageError) as caught:
        found(tmp_path / "a.parquet", tmp_path / "b.parquet")
    assert f"`{tmp_path}/a.parquet` cannot be read: it is cut off or damaged" in caught.value.message
    assert caught.value.message.endswith("1 more cannot be read.")


# ── folders of datasets ───────────────────────────────────────────────────────────────────


def test_a_dataset_has_the_files_that_it_names(tmp_path: Path) -> None:
    folder = saved(tmp_path / "set", "train", {"image": structs([jpeg(0)])}, {"image": structs([jpeg(1)])})
    arrow(folder / "cache-123.arrow", {"image": structs([jpeg(2)])})
    first, second = items_of(folder)
    assert dict(first.fields) == dict(second.fields) == {"split": "train"}
    assert second.open() == jpeg(1)


def test_a_dict_of_datasets_has_all_of_its_splits(tmp_path: Path) -> None:
    saved(tmp_path / "test", "test", {"image": structs([jpeg(0)])})
    saved(tmp_path / "train", "train", {"image": structs([jpeg(1)])})
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    assert [item.fields["split"] for item in items_of(tmp_path)] == ["train", "test"]


def test_a_file_that_a_dataset_lacks_is_one_failure(tmp_path: Path) -> None:
    folder = saved(tmp_path / "set", "train", {"image": structs([jpeg(0)])}, {"image": structs([jpeg(1)])})
    (folder / "data-00000-of-00002.arrow").unlink()
    gone, item = found(folder)
    assert isinstance(gone, Failure) and gone.reason == "no such file or directory"
    assert isinstance(item, Item) and item.open() == jpeg(1)


@pytest.mark.parametrize("name", ["../a.arrow", "/etc/passwd", "", "..", "a\0.arrow", 7, None, "in/a.arrow"])
def test_a_dataset_names_no_files_elsewhere(tmp_path: Path, name: object) -> None:
    folder = saved(tmp_path / "set", "train", {"image": structs([jpeg(0)])})
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    with pytest.raises(ImageError, match="names files that do not lie beside it"):
        found(folder)


@pytest.mark.parametrize("content", ["", "[" * 100_000, "\0", '{"splits": 7}', "[]"])
def test_a_damaged_list_of_splits_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "dataset_dict.json").write_text(content)
    with pytest.raises(ImageError, match=r"dataset_dict\.json`"):
        found(tmp_path)


# ── kinds ─────────────────────────────────────────────────────────────────────────────────


def test_a_table_is_known_by_its_schema(tmp_path: Path) -> None:
    pictures = parquet(tmp_path / "a.parquet", {"image": [b"1"]})
    about = parquet(tmp_path / "b.parquet", {"file_name": ["a.jpg"]})
    (tmp_path / "c.parquet").write_bytes(b"PAR1")
    os.mkfifo(tmp_path / "d.parquet")
    (tmp_path / "e.parquet").mkdir()
    names = [str(pictures), str(about), *(str(tmp_path / f"{letter}.parquet") for letter in "cde")]
    assert [kind_of(name).name for name in names] == ["table", "path", "table", "path", "path"]


def test_no_odd_file_of_a_dataset_is_waited_for(tmp_path: Path) -> None:
    folder = saved(tmp_path / "set", "train", *[{"image": structs([jpeg(number)])} for number in range(4)])
    files = sorted(folder.glob("*.arrow"))
    for file in files[:3]:
        file.unlink()
    os.mkfifo(files[0])
    files[1].mkdir()
    files[2].symlink_to("/dev/zero")
    assert [each.reason if isinstance(each, Failure) else "" for each in found(folder)] == [
        "it is not a file", "it is not a file", "it is not a file", "",
    ]  # fmt: skip
