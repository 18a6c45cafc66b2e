"""The schema's file is compared with the answer of a server, which adds defaults and leaves out `false`."""

import copy
from typing import Any

import pytest

from phosphene.store import image_schema
from phosphene.store.weaviate.schema_diff import Difference, diff, patched


def answered() -> dict[str, Any]:
    """The file as a server returns it: in another order, with defaults, and without `false`."""
    found = image_schema.collection()
    found["properties"].reverse()
    found["class"] = "Photos"
    found["shardingConfig"] = {"desiredCount": 1}
    found["vectorConfig"]["image"]["vectorIndexConfig"]["ef"] = -1
    for each in found["properties"]:
        for name in [name for name, value in each.items() if value is False]:
            del each[name]
    return found


def property_of(collection: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [each for each in collection["properties"] if each["name"] == name]
    return dict(found)


def test_additions_and_order_of_a_server_are_no_difference() -> None:
    assert diff(image_schema.collection(), answered()) == []


@pytest.mark.parametrize(
    ("path", "value", "mutable"),
    [
        ("description", "another", True),
        ("vectorConfig.image.vectorIndexConfig.distance", "dot", False),
        ("vectorConfig.image.vectorIndexConfig.maxConnections", 16, False),
        ("vectorConfig.image.vectorIndexConfig.filterStrategy", "sweeping", True),
        ("vectorConfig.image.vectorIndexConfig.rq.bits", 1, False),
        ("vectorConfig.image.vectorIndexConfig.rq.rescoreLimit", 1, True),
        ("vectorConfig.image.vectorIndexType", "flat", False),
        ("vectorConfig.image.vectorizer", {"multi2vec-clip": {"imageFields": ["thumbnail"]}}, False),
        ("invertedIndexConfig.bm25.k1", 1.5, True),
        ("multiTenancyConfig.enabled", True, False),
        ("replicationConfig.factor", 3, False),
    ],
)
def test_a_changed_setting_is_named_and_whether_it_can_be_changed_back(
    path: str, value: object, mutable: bool
) -> None:
    found = answered()
    *way, last = path.split(".")
    place = found
    for step in way:
        place = place[step]
    before, place[last] = place[last], value

    [difference] = diff(image_schema.collection(), found)

    assert (str(difference), difference.wanted, difference.found) == (path, before, value)
    assert (difference.mutable, difference.added) == (mutable, False)


def test_a_property_is_compared_by_its_name() -> None:
    found = answered()
    [caption] = [each for each in found["properties"] if each["name"] == "caption"]
    caption["tokenization"] = "field"
    caption["description"] = "another"

    differences = diff(image_schema.collection(), found)

    assert [str(each) for each in differences] == [
        "properties.caption.description",
        "properties.caption.tokenization",
    ]
    assert [each.mutable for each in differences] == [True, False]


def test_a_missing_property_or_vector_is_one_difference_that_can_be_added() -> None:
    found = answered()
    found["properties"] = [each for each in found["properties"] if each["name"] != "recipe"]
    del found["vectorConfig"]["image"]

    differences = diff(image_schema.collection(), found)

    assert [str(each) for each in differences] == ["vectorConfig.image", "properties.recipe"]
    assert all(each.added and each.mutable and each.found is None for each in differences)
    assert differences[1].wanted == property_of(image_schema.collection(), "recipe")


def test_a_missing_true_is_a_difference_and_a_missing_false_is_none() -> None:
    assert diff({"a": {"on": False}}, {"a": {}}) == []
    assert diff({"a": {"on": True}}, {"a": {}}) == [Difference(("a", "on"), True, None)]


def test_mended_changes_only_the_given_settings() -> None:
    found = answered()
    found["description"] = "another"
    found["vectorConfig"]["image"]["vectorIndexConfig"]["rq"]["rescoreLimit"] = 1
    property = next(each for each in found["properties"] if each["name"] == "uri")
    property["description"] = "another"
    before = copy.deepcopy(found)

    sent = patched(found, diff(image_schema.collection(), found))

    assert found == before
    assert diff(image_schema.collection(), sent) == []
    assert sent["vectorConfig"]["image"]["vectorIndexConfig"]["ef"] == -1
    assert [each["name"] for each in sent["properties"]] == [each["name"] for each in found["properties"]]
