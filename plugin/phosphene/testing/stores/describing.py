"""Tests of the fields of images, each of which comes back as it was written."""

from dataclasses import replace
from typing import Any

import pytest

from phosphene.fields import EXACT, NAMES, NONE, Fields
from phosphene.store import Store
from phosphene.testing.example_images import made, of_camera, of_generator
from phosphene.testing.stores.comparing import QUERY, TEXTS, above, everything

VALUES: dict[str, list[Any]] = {
    "taken": ["2024-07-05T14:30:00Z", "2024-07-05T14:30:00.123456Z", "1826-06-01T00:00:00Z"],
    "camera": [text for text in TEXTS if text],
    "place": ["Zürich", "雪, 北海道, 日本"],
    "latitude": [0.0, -90.0, 48.886_705_123_456_7],
    "longitude": [0.0, 180.0, -0.1],
    "rating": [-1, 0, 5],
    "keywords": [("one",), tuple(text for text in TEXTS if text), ("twice", "twice")],
    "tags": [("dog", "cat")],
    "prompt": ["a (red:1.2) house, <lora:snow:0.8>", "long " * 2_000],
    "negative": ["fog"],
    "model": ["sd_xl_base_1.0.safetensors"],
    "sampler": ["DPM++ 2M Karras"],
    "seed": [0, 7, -1, 2**32, EXACT],
    "steps": [0, 30],
    "guidance": [0.0, 7.5, 1e-9],
    "other": [("album=Alps", "f-number=2.8", "=")],
}


class FieldTests:
    """The tests of `Image.fields`."""

    @pytest.mark.parametrize("name", VALUES)
    def test_a_field_comes_back_as_it_was_written(self, store: Store, name: str) -> None:
        values = VALUES[name]
        images = [
            replace(image, fields=Fields(**{name: value}))
            for image, value in zip(made(len(values)), values, strict=True)
        ]

        store.upsert(images)

        assert everything(store) == images
        assert above(store.near(QUERY, len(images)), -1) == images

    def test_every_field_has_examples(self) -> None:
        assert tuple(VALUES) == NAMES

    def test_all_fields_of_many_images_come_back(self, store: Store) -> None:
        store.upsert(made(30))

        assert everything(store) == made(30)
        assert len({image.fields for image in made(30)}) > 20

    def test_a_field_that_is_not_known_any_more_is_gone(self, store: Store) -> None:
        [image] = made(1)
        for fields in (of_camera(1), of_generator(2), NONE):
            store.upsert([replace(image, fields=fields)])

            assert store.get([image.id])[0].fields == fields

    @pytest.mark.parametrize(
        "fields",
        [
            Fields(rating=10**30, seed=-(10**30), latitude=float("nan"), guidance=float("inf")),
            Fields(taken="yesterday", camera="\udcff", keywords=("\udcff", "")),
            Fields(taken=5, seed="7", keywords="one"),  # type: ignore[arg-type]
        ],
    )
    def test_what_no_store_can_hold_is_not_known(self, store: Store, fields: Fields) -> None:
        [image] = made(1)

        store.upsert([replace(image, fields=fields)])

        assert store.get([image.id])[0].fields == NONE
