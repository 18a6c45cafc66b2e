"""One filter has one meaning: numpy, LanceDB and a real Weaviate find the same images as `matches`."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle import SPACE, made
from phosphene.fields import Fields
from phosphene.filters import And, Compare, Equals, Filter, HasWords, Not, Or, matches
from phosphene.folding import words_of
from phosphene.records import Image
from phosphene.store import Store
from phosphene.store.lance.store import LanceStore
from phosphene.store.lance.upkeep import Upkeep
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.store import WeaviateStore
from phosphene.vectors import Vector
from weaviate_server import Server

TEXTS = (
    "A red house in the snow",
    "not a house; the ROT_HAUS",
    "Été à Paris, cafe\u0301 crème",
    "İstanbul'da ılık bir gün",
    "Straße STRASSE ﬀ eﬀort oﬃce ǽ Ærøskøbing",
    "東京の夜景 東京 2024年",
    "한국 한국",
    "ΟΔΟΣ οδος ὁδός",
    "Ⅷ ² ½ x² 16:9 f/2.8 3.14",
    "हिन्दी में लिखा",
    "K Å Ω ſtone",
    '\u0301a b\u0301\u0302c %_*? it\'s "quoted" \\ back',
    "",
)
TIMES = (
    "2024-05-01T00:00:00Z",
    "2024-05-01T12:30:00+02:00",
    "1969-12-31T23:59:59.5Z",
    "2025-01-01T00:00:00Z",
)


def pictures() -> list[Image[Vector]]:
    """Images with awkward texts, and with fields that are missing in some of them."""
    return [
        replace(
            image,
            caption=TEXTS[place % len(TEXTS)],
            captions=tuple(TEXTS[place % len(TEXTS) :][: place % 3]),
            width=(640, 1024, 2**40)[place % 3],
            created=(*TIMES, "")[place % 5],
            fields=fields(place),
        )
        for place, image in enumerate(made(60))
    ]


def fields(place: int) -> Fields:
    """The fields of an image. Every third one has none."""
    if place % 3 == 0:
        return Fields()
    return Fields(
        taken=(*TIMES, None)[place % 5],
        camera=TEXTS[place % 4],
        latitude=(48.8567, -33.0, None)[place % 7 % 3],
        rating=(-1, 0, 3, 5, None)[place % 5],
        keywords=TEXTS[: place % 4],
        seed=(0, 2**53 - 1, 123_456_789_012_345)[place % 3],
        guidance=(7.5, 0.1 + 0.2, None)[place % 3],
        model=("sdxl_base-1.0", "SDXL", None)[place % 8 % 3],
    )


PICTURES = pictures()
WORDS = sorted(words_of(*TEXTS, "sdxl base 1 0"))
NUMBERS = st.one_of(
    st.sampled_from([639.5, 640, 1024, 2**40, 2**53 - 1, 2**63 - 1, 2**70, -(2**70), 0.3, 7.5, 48.8567]),
    st.integers(480, 540),
    st.integers(-2, 6),
)
WHOLE, FRACTIONS = ("width", "height", "rating", "seed"), ("latitude", "guidance")
TEXTUAL = ("caption", "captions", "camera", "keywords", "model", "place")


def one_of(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(values)


COMPARISONS = st.one_of(
    st.builds(Equals, one_of("origin"), one_of("generated", "imported", "training")),
    st.builds(Equals, one_of("uri"), one_of("/home/me/3.jpg", "it's", "")),
    st.builds(Equals, one_of("parents"), one_of(PICTURES[1].id, PICTURES[4].id, "nobody")),
    st.builds(Equals, one_of(*WHOLE, *FRACTIONS), NUMBERS),
    st.builds(Equals, one_of("created", "taken"), one_of(*TIMES)),
    st.builds(Compare, one_of(*WHOLE, *FRACTIONS), one_of("<", "<=", ">", ">="), NUMBERS),
    st.builds(Compare, one_of("created", "taken"), one_of("<", "<=", ">", ">="), one_of(*TIMES)),
    st.builds(HasWords, one_of(*TEXTUAL), st.frozensets(st.sampled_from(WORDS), max_size=2)),
    st.builds(HasWords, one_of(*TEXTUAL), st.text(max_size=3).map(words_of)),
)
EXPRESSIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, weaviate: Server) -> Iterator[dict[str, Store]]:
    folder: Path = tmp_path_factory.mktemp("equal")
    written = LanceStore.create(folder, SPACE)
    written.upsert(PICTURES)
    written.close()
    few = Upkeep(exact_up_to=20)
    indexed = LanceStore.create(tmp_path_factory.mktemp("indexed"), SPACE, upkeep=few)
    indexed.upsert(PICTURES)
    assert not indexed.info().exact
    server = WeaviateStore.create(Address.parse(weaviate.url("EqualAnswers")), SPACE)
    server.upsert(PICTURES)
    yield {
        "numpy": LanceStore.open(folder),
        "LanceDB": LanceStore.open(folder, snapshots=False),
        "LanceDB with an index": indexed,
        "Weaviate": server,
    }
    server.close()


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(where=EXPRESSIONS)
def test_every_engine_finds_the_same(stores: dict[str, Store], where: Filter) -> None:
    expected = {image.id for image in PICTURES if matches(where, image)}

    for name, store in stores.items():
        hits = store.near(PICTURES[0].vector, len(PICTURES), where)
        assert {hit.image.id for hit in hits} == expected, name
        assert store.count(where) == len(expected), name


@pytest.mark.parametrize("text", TEXTS)
def test_every_word_of_a_text_finds_it(stores: dict[str, Store], text: str) -> None:
    for word in words_of(text):
        where = HasWords("caption", frozenset([word]))
        found = {name: ids(store, where) for name, store in stores.items()}

        expected = {image.id for image in PICTURES if matches(where, image)}
        assert found == dict.fromkeys(stores, expected), word
        assert expected


def ids(store: Store, where: Filter) -> set[str]:
    return {image.id for image in store.iterate(where)}
