"""The columns of tables and the keys of JSON files become captions and fields."""

import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.sources.columns import MAX_TEXT, MEANINGS, described


def test_captions_are_known_by_the_names_that_others_give_them() -> None:
    row = {"text": "a house", "Caption": ["by the sea", "in snow", None, 7], "txt": None, "alt_text": "red"}
    assert described(row).captions == ("a house", "by the sea", "in snow", "red")
    assert described(row).fields == {}


@pytest.mark.parametrize("name", ["DateTaken", "date_taken", "date taken", "DATE-TAKEN", "taken", "Taken"])
def test_a_field_is_known_in_any_spelling(name: str) -> None:
    assert described({name: "2024-05-01"}).fields == {"taken": "2024-05-01"}


def test_other_names_stay_as_they_are() -> None:
    assert described({"Photo ID": 7, "licence": "CC0"}).fields == {"Photo ID": 7, "licence": "CC0"}


def test_a_field_that_has_two_names_keeps_the_first_value() -> None:
    assert described({"lat": None, "latitude": 1.5, "gps_latitude": 2.5}).fields == {"latitude": 1.5}


def test_what_the_file_itself_says_is_left_out() -> None:
    row = {"file_name": "a.jpg", "key": "0", "sha256": "0", "width": 3, "original_height": 4, "status": "ok"}
    assert described(row).fields == {}


def test_values_become_json() -> None:
    row = {
        "taken": datetime(2024, 5, 1, 12, tzinfo=UTC), "uploaded": date(2024, 5, 2), "rating": 4,
        "lat": float("nan"), "blob": b"x", "tags": ["a", "b", 7], "vector": [0.5] * 512, "box": {"x": 1},
        "prompt": "x" * 100_000, "empty": " ", "public": True,
    }  # fmt: skip
    assert described(row).fields == {
        "taken": "2024-05-01T12:00:00+00:00", "uploaded": "2024-05-02", "rating": 4,
        "tags": ["a", "b"], "public": True, "prompt": "x" * MAX_TEXT,
    }  # fmt: skip


def test_every_meaning_is_a_field() -> None:
    for name, meaning in MEANINGS.items():
        assert described({name: "1"}).fields == {meaning: "1"}


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.floats() | st.text(), st.lists)))
def test_any_row_is_described_in_json(row: dict[str, object]) -> None:
    found = described(row)
    assert json.loads(json.dumps(found.fields, allow_nan=False)) == found.fields
