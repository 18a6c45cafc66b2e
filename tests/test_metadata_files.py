"""Tables and files beside pictures describe them: imagefolder, img2dataset, gallery-dl, Takeout, XMP."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.errors import ImageError
from phosphene.records import Failure
from phosphene.sources import Item, Source, scan, to_path
from phosphene.sources.local_files import LocalFiles
from phosphene.sources.sidecars import of_json, of_text, of_xmp
from phosphene.testing.sources import SourceTests
from picture_tables import parquet
from pictures import jpeg

About = dict[str, tuple[tuple[str, ...], dict[str, object]]]


def put(folder: Path, *names: str) -> None:
    """Files with these names. They need no pictures, because scanning does not open them."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def write(path: Path, content: str | list[Any]) -> Path:
    """A text file, or a JSON Lines file of a list."""
    text = content if isinstance(content, str) else "\n".join(map(json.dumps, content))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def about(folder: Path, *paths: Path) -> About:
    """The captions and fields of pictures by their names, without failures."""
    items = [item for item in scan(paths or [folder]) if isinstance(item, Item)]
    return {
        to_path(item.uri, Path()).relative_to(folder).as_posix(): (item.captions, dict(item.fields))
        for item in items
    }


def reasons(*paths: Path) -> list[str]:
    return [item.reason for item in scan(paths) if isinstance(item, Failure)]


class TestImageFolder(SourceTests):
    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        for number in range(3):
            (tmp_path / f"{number}.jpg").write_bytes(jpeg(number))
        write(
            tmp_path / "metadata.csv", "file_name,text,rating\n0.jpg,a house,4\n2.jpg,a boat,\n../x.jpg,,\n"
        )
        write(tmp_path / "1.json", '{"caption": "by the sea", "lat": 1.5, "size": {"width": NaN}}')
        return LocalFiles([tmp_path])


# ── imagefolder ───────────────────────────────────────────────────────────────────────────

ROWS = [
    {"file_name": "a.jpg", "text": "a house", "rating": 4},
    {"file_name": "in/b.jpg", "text": "a boat", "rating": 2},
]
EXPECTED: About = {
    "a.jpg": (("a house",), {"rating": 4}),
    "in/b.jpg": (("a boat",), {"rating": 2}),
    "in/c.jpg": ((), {}),
}


def test_rows_of_json_lines_describe_pictures_in_the_folder_and_below(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "in/b.jpg", "in/c.jpg")
    write(tmp_path / "metadata.jsonl", ROWS)
    assert about(tmp_path) == EXPECTED


def test_rows_of_parquet_describe_them_too(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "in/b.jpg", "in/c.jpg")
    parquet(tmp_path / "metadata.parquet", {name: [row[name] for row in ROWS] for name in ROWS[0]})
    assert about(tmp_path) == EXPECTED


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_rows_of_csv_describe_them_too(tmp_path: Path, delimiter: str) -> None:
    put(tmp_path, "a.jpg", "in/b.jpg", "in/c.jpg")
    lines = ["file_name,text,rating", 'a.jpg,"a ""red"" house",4', 'in/b.jpg,"a\nboat",2', "", "in/c.jpg"]
    write(tmp_path / "metadata.csv", "\r\n".join(lines).replace(",", delimiter))
    assert about(tmp_path) == {
        "a.jpg": (('a "red" house',), {"rating": "4"}),
        "in/b.jpg": (("a boat",), {"rating": "2"}),
        "in/c.jpg": ((), {}),
    }


def test_a_table_in_another_encoding_is_read(tmp_path: Path) -> None:
    put(tmp_path, "été.jpg")
    (tmp_path / "metadata.csv").write_bytes("file_name,text\nété.jpg,un château doré\n".encode("cp1252"))
    assert about(tmp_path) == {"été.jpg": (("un château doré",), {})}


def test_a_row_may_name_several_pictures(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg", "c.jpg", "d.jpg")
    row = {"original_file_name": "a.jpg", "edited_file_name": "b.jpg", "file_names": ["c.jpg"], "text": "x"}
    write(tmp_path / "metadata.jsonl", [row])
    assert [captions for captions, _ in about(tmp_path).values()] == [("x",), ("x",), ("x",), ()]


def test_a_table_that_is_named_lists_its_pictures(tmp_path: Path) -> None:
    put(tmp_path, "pictures/1.jpg", "pictures/2.jpg")
    file = write(tmp_path / "captions.csv", "image,caption\n1.jpg,one\n1.jpg,eins\ngone.jpg,x\n")
    assert about(tmp_path, tmp_path / "pictures", file) == {
        "pictures/1.jpg": (("one", "eins"), {}),
        "pictures/2.jpg": ((), {}),
        "gone.jpg": (("x",), {}),
    }


def test_names_that_lead_outside_are_skipped_and_counted(tmp_path: Path) -> None:
    put(tmp_path, "set/a.jpg", "b.jpg")
    write(
        tmp_path / "set/metadata.jsonl",
        [{"file_name": name} for name in ("../b.jpg", "/etc/x", "a.jpg", None)],
    )
    assert reasons(tmp_path) == [
        "`../b.jpg` lies outside of its folder: add the folder that it lies in, too (and 2 more like this)"
    ]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (
            "metadata.jsonl",
            '{"file_name": "a.jpg"}\n[1]\n{"file\n',
            "line 2 is not a JSON object (and 1 more like this)",
        ),
        ("metadata.jsonl", '{"text": "a"}', "it has no column of file names."),
        ("metadata.csv", "a,b\n1,2\n", "it has no column of file names."),
        ("metadata.csv", "", "it has no rows"),
        ("metadata.csv", "\0", "it cannot be read: it is not text."),
        (
            "metadata.csv",
            f"file_name,text\na.jpg,{'x' * 200_000}\n",
            "line 2 cannot be read, and nothing after it",
        ),
        ("metadata.parquet", "PAR1 no more", "it cannot be read: "),
    ],
)
def test_a_table_that_is_damaged_stops_no_scan(tmp_path: Path, name: str, content: str, reason: str) -> None:
    put(tmp_path, "a.jpg")
    write(tmp_path / name, content)
    [said] = reasons(tmp_path)
    assert said.startswith(reason)
    assert list(about(tmp_path)) == ["a.jpg"]


def test_no_odd_table_anywhere_below_stops_a_scan(tmp_path: Path) -> None:
    put(tmp_path, "a/1.jpg", "b/2.jpg", "c/3.jpg", "d/4.jpg")
    (tmp_path / "a/metadata.csv").mkdir()
    os.mkfifo(tmp_path / "b/metadata.parquet")
    (tmp_path / "c/metadata.jsonl").symlink_to("/dev/zero")
    (tmp_path / "d/metadata.parquet").symlink_to("nowhere")
    assert len(about(tmp_path)) == 4
    assert len(reasons(tmp_path)) == 4


def test_a_named_table_without_file_names_is_an_error(tmp_path: Path) -> None:
    file = write(tmp_path / "prices.csv", "a,b\n1,2\n")
    with pytest.raises(ImageError, match="has no column of file names") as caught:
        about(tmp_path, file)
    assert "`file_name`" in caught.value.hint


# ── img2dataset ───────────────────────────────────────────────────────────────────────────


def test_img2datasets_table_names_pictures_by_their_keys(tmp_path: Path) -> None:
    put(tmp_path, "00000/000000000.jpg", "00000/000000002.webp")
    file = parquet(
        tmp_path / "00000.parquet",
        {
            "key": ["000000000", "000000001", "000000002"], "url": ["https://a/0", "https://a/1", "https://a/2"],
            "caption": ["a house", "gone", "a boat"], "status": ["success", "failed_to_download", "success"],
            "error_message": [None, "HTTP Error 404", None], "width": [256, None, 256], "exif": ["{}"] * 3,
        },
    )  # fmt: skip
    assert about(tmp_path, file) == {
        "00000/000000000.jpg": (("a house",), {"url": "https://a/0"}),
        "00000/000000002.webp": (("a boat",), {"url": "https://a/2"}),
    }
    assert reasons(file) == ["00000/000000001.jpg was not downloaded: HTTP Error 404"]


def test_img2datasets_files_lie_beside_their_pictures(tmp_path: Path) -> None:
    put(tmp_path, "00000/000000000.jpg", "00000.parquet", "00000_stats.json")
    row = {"caption": "a house", "url": "https://a/0", "key": "000000000", "status": "success", "sha256": "0"}
    write(tmp_path / "00000/000000000.json", json.dumps(row))
    write(tmp_path / "00000/000000000.txt", "a house")
    assert about(tmp_path) == {"00000/000000000.jpg": (("a house",), {"url": "https://a/0"})}


# ── files beside pictures ─────────────────────────────────────────────────────────────────


def test_a_json_file_beside_a_picture_has_captions_and_fields(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.png", "c.jpg")
    write(tmp_path / "a.json", '{"caption": ["one", "two"], "DateTimeOriginal": "2024:05:01 12:00:00"}')
    write(tmp_path / "b.png.json", '{"description": "a fox", "tags": ["fox", "snow"], "author": "me"}')
    assert about(tmp_path) == {
        "a.jpg": (("one", "two"), {"taken": "2024:05:01 12:00:00"}),
        "b.png": (("a fox",), {"tags": ["fox", "snow"], "author": "me"}),
        "c.jpg": ((), {}),
    }


def test_google_takeout_knows_when_and_where(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    taken = {"photoTakenTime": {"timestamp": "1714564800"}, "imageViews": "3", "title": "a.jpg"}
    place = {"geoData": {"latitude": 48.8, "longitude": 2.3}, "people": [{"name": "Ann"}]}
    write(tmp_path / "a.jpg.json", json.dumps({**taken, **place, "description": "Paris"}))
    nowhere = {"geoData": {"latitude": 0.0, "longitude": 0.0}, "description": ""}
    write(tmp_path / "b.jpg.supplemental-metadata.json", json.dumps({**taken, **nowhere}))
    when = {"taken": "2024-05-01T12:00:00+00:00"}
    assert about(tmp_path) == {
        "a.jpg": (("Paris",), {**when, "latitude": 48.8, "longitude": 2.3, "keywords": ["Ann"]}),
        "b.jpg": ((), when),
    }


XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmp:Rating="4"><dc:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li>house</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


@pytest.mark.parametrize("name", ["a.xmp", "a.jpg.xmp", "a.XMP"])
def test_an_xmp_file_beside_a_picture_has_fields(tmp_path: Path, name: str) -> None:
    put(tmp_path, "a.jpg")
    write(tmp_path / name, XMP)
    expected = {} if name == "a.XMP" else {"rating": 4, "keywords": ["sea", "house"]}
    assert about(tmp_path)["a.jpg"][1] == expected


def test_what_names_a_picture_comes_before_what_lies_beside_it(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    write(
        tmp_path / "metadata.jsonl", [{"file_name": "a.jpg", "text": "one", "rating": 5, "camera": "Canon"}]
    )
    write(tmp_path / "a.json", '{"text": "three", "rating": 3, "place": "Paris"}')
    write(tmp_path / "a.txt", "two")
    write(tmp_path / "a.xmp", XMP)
    assert about(tmp_path)["a.jpg"] == (
        ("one", "two", "three"),
        {"rating": 5, "camera": "Canon", "place": "Paris", "keywords": ["sea", "house"]},
    )


@pytest.mark.parametrize("content", ["", "[1]", "{", "[" * 100_000, '{"a": 1' + "0" * 5000 + "}"])
def test_a_json_file_that_is_damaged_is_named(tmp_path: Path, content: str) -> None:
    put(tmp_path, "a.jpg")
    write(tmp_path / "a.json", content)
    [said] = reasons(tmp_path)
    assert said.startswith("its captions cannot be read: ")
    assert list(about(tmp_path)) == ["a.jpg"]


@given(st.binary())
def test_any_bytes_beside_a_picture_are_read_or_refused(content: bytes) -> None:
    for read in (of_text, of_json, of_xmp):
        try:
            found = read(content)
        except ValueError as error:
            assert str(error)
        else:
            json.dumps(found.fields, allow_nan=False)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["photoTakenTime", "timestamp", "geoData", "latitude", "people", "name", "text"]), inner
)))  # fmt: skip
def test_any_json_beside_a_picture_is_read_or_refused(value: object) -> None:
    given = {"photoTakenTime": value} if not isinstance(value, dict) else value
    json.dumps(of_json(json.dumps(given).encode()).fields, allow_nan=False)
