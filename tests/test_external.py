"""External collections: they are read, searched and generated from, and never written to."""

import base64
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import phosphene
from command import lines, run
from oracle import vectors_like_embeddings
from phosphene.embedding import open_embedder
from phosphene.errors import LibraryError, QueryError, StoreError, VectorError
from phosphene.fields import Fields
from phosphene.filters import EVERYTHING, GENERATED, Equals, Not, all_of, with_ids
from phosphene.images import THUMBNAIL, open_picture
from phosphene.landscape.scenes import SEEDS, write
from phosphene.records import Space
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.external import ExternalStore
from phosphene.store.weaviate.external_pictures import load, small
from phosphene.store.weaviate.external_schema import FieldMapping, field_mapping
from phosphene.vectors import Vectors, unit
from pictures import drawn, encoded, jpeg
from weaviate_server import Server

DIMENSION = 32
SPACE = Space("their:model", "their/model", DIMENSION)
COUNT = 60


@dataclass(frozen=True)
class Theirs:
    """A collection that another program made, with its address, ids and original vectors."""

    url: str
    ids: list[str]
    vectors: Vectors


def post(server: Server, settings: dict[str, Any], objects: Sequence[dict[str, Any]]) -> None:
    """Make a collection over REST and without phosphene, as another program would."""
    httpx.post(f"{server.base}/v1/schema", json=settings, timeout=30).raise_for_status()
    body = {"objects": [{"class": settings["class"], **each} for each in objects]}
    answer = httpx.post(f"{server.base}/v1/batch/objects", json=body, timeout=60)
    assert answer.is_success, answer.text
    assert not [each for each in answer.json() if each["result"].get("errors")]


def named(name: str, **settings: Any) -> dict[str, Any]:
    """A collection with one named vector and a few properties."""
    index = {"vectorizer": {"none": {}}, "vectorIndexType": "hnsw", **settings}
    texts = ("title", "place")
    return {
        "class": name,
        "vectorConfig": {"clip": index},
        "properties": [
            *({"name": text, "dataType": ["text"]} for text in texts),
            {"name": "photo", "dataType": ["blob"]},
            {"name": "tags", "dataType": ["text[]"]},
            {"name": "width", "dataType": ["int"]},
            {"name": "rating", "dataType": ["int"]},
            {"name": "taken", "dataType": ["date"]},
            {"name": "camera", "dataType": ["int"]},
        ],
    }


def theirs(server: Server, name: str, *, length: float = 1.0, **settings: Any) -> Theirs:
    """A filled collection. Every second object has a photo, the first a tag, and the last no vector."""
    ids = [str(uuid.uuid4()) for _ in range(COUNT)]
    vectors = vectors_like_embeddings(COUNT, DIMENSION) * np.float32(length)
    objects = []
    for place, (id, vector) in enumerate(zip(ids, vectors, strict=True)):
        photo = {"photo": base64.b64encode(jpeg(place, (320, 240))).decode()} if place % 2 == 0 else {}
        dated = {"taken": "2024-07-05T16:30:00+02:00", "rating": place, "camera": 7}
        said = {"title": f"number {place}", "width": 320, **photo, **dated}
        objects.append({"id": id, "properties": said, "vectors": {"clip": vector.tolist()}})
    objects.append({"id": str(uuid.uuid4()), "properties": {"title": "no vector"}})
    post(server, named(name, **settings), objects)
    return Theirs(server.url(name, vector="clip", image="photo", caption="title"), ids, vectors)


def opened(url: str, space: Space = SPACE) -> ExternalStore:
    return ExternalStore.open(Address.parse(url), space)


@pytest.fixture(scope="module")
def collection(weaviate: Server) -> Theirs:
    return theirs(weaviate, "Theirs")


@pytest.fixture
def store(collection: Theirs) -> Iterator[ExternalStore]:
    store = opened(collection.url)
    yield store
    store.close()


# ── how a collection is read ──────────────────────────────────────────────────────────────


def read(settings: dict[str, Any], options: str = "") -> FieldMapping:
    return field_mapping(Address.parse(f"weaviate://host/Theirs?model=x{options}"), settings)


def test_the_only_vector_needs_no_name_and_one_of_several_does() -> None:
    one = named("Theirs")
    two = {**one, "vectorConfig": {**one["vectorConfig"], "other": one["vectorConfig"]["clip"]}}

    assert read(one).vector == "clip"
    assert read(two, "&vector=other").vector == "other"
    with pytest.raises(LibraryError, match="has several vectors") as caught:
        read(two)
    assert "`clip`, `other`" in caught.value.hint


def test_an_old_collection_has_one_vector_without_a_name() -> None:
    old = {"class": "Theirs", "vectorIndexType": "flat", "vectorIndexConfig": {"distance": "dot"}}

    assert read(old) == read(old, "&vector=default")
    assert (read(old).vector, read(old).distance, read(old).exact) == ("", "dot", True)


@pytest.mark.parametrize(
    ("options", "wrong", "hint"),
    [
        ("&vector=clap", "has no vector `clap`", "`clip`"),
        ("&image=nope", "The property `nope` of .* does not exist", "`title`, `place`, `photo`"),
        ("&image=width", "The property `width` of .* is of the type int", "`title`, `place`, `photo`"),
        ("&caption=photo", "The property `photo` of .* is of the type blob", "`title`, `place`, `tags`"),
    ],
)
def test_an_unknown_property_is_named_with_the_known_ones(options: str, wrong: str, hint: str) -> None:
    with pytest.raises(LibraryError, match=wrong) as caught:
        read(named("Theirs"), options)

    assert hint in caught.value.hint


def test_distances_without_a_cosine_are_refused() -> None:
    with pytest.raises(LibraryError, match="the distance `manhattan`"):
        read(named("Theirs", vectorIndexConfig={"distance": "manhattan"}))
    with pytest.raises(LibraryError, match="several vectors per object"):
        read(named("Theirs", vectorIndexConfig={"multivector": {"enabled": True}}))


def test_properties_of_our_names_and_types_are_read_and_pictures_are_not() -> None:
    assert read(named("Theirs"), "&image=photo&caption=tags").properties == [
        "tags",
        "width",
        "taken",
        "place",
        "rating",
    ]
    assert read(named("Theirs"), "&image=place").properties == ["place", "width", "taken", "rating", "tags"]


# ── the store ─────────────────────────────────────────────────────────────────────────────


def test_an_object_is_an_image_with_plain_values_for_missing_properties(
    store: ExternalStore, collection: Theirs
) -> None:
    [image] = store.get([collection.ids[3]], vectors=True)

    assert (image.id, image.caption, image.captions) == (collection.ids[3], "number 3", ("number 3",))
    assert (image.origin, image.sha256, image.width, image.height) == ("imported", "", 320, 0)
    assert (image.recipe, image.parents) == (None, ())
    assert image.fields == Fields(taken="2024-07-05T14:30:00Z", rating=3)
    assert image.uri.endswith(f"/Theirs/{image.id}")
    assert image.created.endswith("+00:00")
    assert image.vector == pytest.approx(collection.vectors[3], abs=1e-6)


def test_images_come_in_the_order_asked_for_and_unknown_ids_are_passed_over(
    store: ExternalStore, collection: Theirs
) -> None:
    asked = [collection.ids[5], str(uuid.uuid4()), "no-uuid", collection.ids[2], collection.ids[5]]

    assert [image.id for image in store.get(asked)] == [
        collection.ids[5],
        collection.ids[2],
        collection.ids[5],
    ]


def test_objects_without_the_vector_are_no_images(store: ExternalStore, collection: Theirs) -> None:
    assert {image.id for image in store.iterate(vectors=True)} == set(collection.ids)
    assert all(image.vector is not None for image in store.iterate(vectors=True))


@pytest.mark.parametrize(
    ("name", "distance", "kind", "length"),
    [
        ("Cosine", "cosine", "hnsw", 1.0),
        ("Cosine3", "cosine", "hnsw", 3.0),
        ("Dot", "dot", "flat", 1.0),
        ("Dot3", "dot", "hnsw", 3.0),
        ("Square", "l2-squared", "hnsw", 1.0),
    ],
)
def test_scores_are_cosines_whatever_the_distance(
    weaviate: Server, name: str, distance: str, kind: str, length: float
) -> None:
    collection = theirs(
        weaviate, name, length=length, vectorIndexType=kind, vectorIndexConfig={"distance": distance}
    )
    query = vectors_like_embeddings(1, DIMENSION, seed=7)[0]
    store = opened(collection.url)

    hits = store.near(query, 10, vectors=True)
    vectors = [hit.image.vector for hit in hits]
    store.close()

    cosines = unit(collection.vectors) @ query
    best = np.argsort(-cosines)[:10]
    assert [hit.image.id for hit in hits] == [collection.ids[place] for place in best]
    assert [hit.score for hit in hits] == pytest.approx(cosines[best], abs=1e-5)
    assert np.linalg.norm(np.stack([each for each in vectors if each is not None]), axis=1) == pytest.approx(
        1
    )


def test_filters_hold(store: ExternalStore, collection: Theirs) -> None:
    query, ids = unit(collection.vectors[0]), collection.ids
    only, without = frozenset(ids[:4]), frozenset(ids[:2])
    both = all_of(with_ids(only), Not(with_ids(without)))

    assert {hit.image.id for hit in store.near(query, 9, with_ids(only))} == set(ids[:4])
    assert {hit.image.id for hit in store.near(query, 9, both)} == set(ids[2:4])
    assert len(store.near(query, 9, Not(with_ids(without)))) == 9
    assert ids[0] not in {hit.image.id for hit in store.near(query, 9, Not(with_ids(without)))}
    assert store.near(query, 9, GENERATED) == []
    assert store.near(query, 9, with_ids([])) == []
    assert {image.id for image in store.iterate(both)} == set(ids[2:4])
    assert list(store.iterate(GENERATED)) == []
    assert [store.count(where) for where in (EVERYTHING, Not(with_ids(without)), with_ids(only))] == [
        COUNT + 1,
        COUNT - 1,
        4,
    ]
    assert store.count(GENERATED) == 0
    with pytest.raises(QueryError, match="only by id and origin"):
        store.count(Equals("caption", "number 1"))


def test_words_of_captions_are_found(store: ExternalStore, collection: Theirs) -> None:
    one, two = collection.ids[17], collection.ids[18]

    [found] = store.by_words({"17"}, 5)
    assert (found.image.id, found.image.caption) == (one, "number 17")
    assert found.score > 0
    assert len(store.by_words({"number"}, 100)) == COUNT
    assert store.by_words({"vector"}, 5) == []
    assert [hit.image.id for hit in store.by_words({"number"}, 5, with_ids([two]))] == [two]
    assert store.by_words({"17"}, 5, Not(with_ids([one]))) == []
    assert store.by_words({"17"}, 5, GENERATED) == []


def test_captions_that_the_server_does_not_search_are_an_error(weaviate: Server) -> None:
    settings = named("Unsearchable")
    settings["properties"][0]["indexSearchable"] = False
    post(weaviate, settings, [{"properties": {"title": "a boat"}, "vectors": {"clip": [1.0] * DIMENSION}}])
    store = opened(weaviate.url("Unsearchable", vector="clip", caption="title"))

    with pytest.raises(StoreError, match=r"cannot be searched: .*'title' requires inverted index") as caught:
        store.by_words({"boat"}, 5)
    assert "`indexSearchable`" in caught.value.hint
    store.close()


def test_a_vector_of_another_dimension_is_refused(store: ExternalStore) -> None:
    with pytest.raises(VectorError, match=r"the shape \(8,\) does not fit the model `their/model`"):
        store.near(np.ones(8, dtype=np.float32), 3)


def test_thumbnails_are_made_from_blobs_and_grey_where_there_is_none(
    store: ExternalStore, collection: Theirs
) -> None:
    made = store.thumbnails(collection.ids[:2])

    assert open_picture(made[collection.ids[0]]).size == (THUMBNAIL, 144)
    colours = open_picture(made[collection.ids[1]]).getcolors()
    assert colours is not None
    assert len(colours) == 1


def test_pictures_may_be_files_of_this_machine(weaviate: Server, tmp_path: Path) -> None:
    there, gone = str(uuid.uuid4()), str(uuid.uuid4())
    (tmp_path / "a.png").write_bytes(encoded(drawn(1)))
    paths = {there: str(tmp_path / "a.png"), gone: str(tmp_path / "b.png")}
    vector = vectors_like_embeddings(1, DIMENSION)[0].tolist()
    post(
        weaviate,
        named("Paths"),
        [
            {"id": id, "properties": {"place": path}, "vectors": {"clip": vector}}
            for id, path in paths.items()
        ],
    )
    store = opened(weaviate.url("Paths", image="place"))

    assert store.pictures([there, gone]) == {there: encoded(drawn(1))}
    assert [image.uri for image in store.get([there, gone])] == list(paths.values())
    store.close()


def test_pictures_may_be_on_the_web(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(drawn(1)))
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{web.server_port}"
        there, gone = (load(f"{place}/{name}.png", encoded=False) for name in ("a", "b"))
        web.shutdown()

    assert (there, gone) == (encoded(drawn(1)), None)
    assert load(f"{place}/a.png", encoded=False) is None  # nobody answers any more


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_where_there_is_no_picture_a_grey_one_stands_in(content: bytes | None) -> None:
    colours = open_picture(small(content)).getcolors()

    assert colours is not None
    assert len(colours) == 1


def test_writing_is_refused_with_the_way_out(store: ExternalStore, collection: Theirs) -> None:
    for attempt in (lambda: store.upsert([]), lambda: store.delete(collection.ids[:1])):
        with pytest.raises(StoreError, match="an external collection, which phosphene only reads") as caught:
            attempt()
        assert "--into LIB" in caught.value.hint

    assert len(store.get(collection.ids)) == COUNT


# ── as a library ──────────────────────────────────────────────────────────────────────────

PROMPT = "a red house in the snow at night"


@pytest.fixture(scope="module")
def scenes(weaviate: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Landscapes that another program embedded with the same model. The address does not name the model."""
    folder = tmp_path_factory.mktemp("drawn")
    write(folder, SEEDS["test"][:16], size=64, workers=1)
    files = sorted(folder.rglob("*.png"))
    embedder = open_embedder("landscape")
    vectors = embedder.pictures([embedder.prepare(open_picture(file)) for file in files]).vectors
    noise = vectors_like_embeddings(len(files), vectors.shape[1])
    for name, sent in (("Scenes", vectors), ("Noise", noise)):
        objects = [
            {
                "id": str(uuid.uuid4()),
                "properties": {"title": file.stem, "photo": base64.b64encode(file.read_bytes()).decode()},
                "vectors": {"clip": vector.tolist()},
            }
            for file, vector in zip(files, sent, strict=True)
        ]
        post(weaviate, named(name), objects)
    return weaviate.url("Scenes", image="photo", caption="title")


@pytest.fixture
def address(scenes: str) -> str:
    """The address of the landscapes, as `-L` takes it."""
    return f"{scenes}&model=landscape"


def test_a_search_finds_the_same_as_in_a_library_of_the_same_pictures(address: str, tmp_path: Path) -> None:
    with phosphene.open(address) as library:
        pictures = library.store.thumbnails([image.id for image in library.store.iterate()])
        hits, again = library.search(PROMPT, 16), lines("-L", address, "search", PROMPT, "-n", 16)
        vectors = {image.id: image.vector for image in library.store.iterate(vectors=True)}
        target = library.vector(PROMPT)

    assert len(pictures) == 16
    cosines = sorted(
        (float(vector @ target) for vector in vectors.values() if vector is not None), reverse=True
    )
    assert [hit.score for hit in hits] == pytest.approx(cosines, abs=1e-5)
    assert [hit["id"] for hit in again] == [hit.image.id for hit in hits]
    assert all(hit["uri"] == f"{address.split('?')[0]}/{hit['id']}" for hit in again)


def test_a_probe_is_remembered_so_that_no_model_loads_again(address: str) -> None:
    with phosphene.open(address) as library:
        library.search(PROMPT)
    with phosphene.open(address) as again:
        assert again.search(PROMPT)
        assert again.url == address
        assert (again.status().store, again.status().images) == ("weaviate", 16)
        assert "embedder" not in vars(again)


def test_it_is_shown_mapped_and_walked(address: str, tmp_path: Path) -> None:
    [hit] = lines("-L", address, "search", PROMPT, "-n", 1)

    [shown] = lines("-L", address, "show", hit["id"][:8], "-o", tmp_path / "family.png")
    lines("-L", address, "map", "-o", tmp_path / "map.png")
    stops = lines("-L", address, "walk", PROMPT, "a boat", "--steps", 3, "-o", tmp_path / "walk.png")

    assert (shown["id"], shown["uri"]) == (hit["id"], hit["uri"])
    assert len(stops) == 3
    for name in ("family.png", "map.png", "walk.png", "walk.webp"):
        assert (tmp_path / name).stat().st_size > 1000


def test_generated_pictures_go_into_another_library_with_external_parents(
    address: str, tmp_path: Path
) -> None:
    words = (
        "-L",
        address,
        "generate",
        PROMPT,
        "-n",
        1,
        "-k",
        3,
        "--steps",
        2,
        "--seed",
        7,
        "--candidates",
        1,
    )

    refused = run(*words)
    [made] = lines(*words, "--into", tmp_path / "mine")

    assert refused.exit_code == 1
    assert "which phosphene only reads" in refused.stderr
    assert "--into LIB" in refused.stderr
    nearest = lines("-L", address, "search", PROMPT, "-n", 3)
    assert [parent["id"] for parent in made["parents"]] == [hit["id"] for hit in nearest]
    [shown] = lines("-L", tmp_path / "mine", "show", made["id"])
    assert [parent["id"] for parent in shown["parents"]] == [hit["id"] for hit in nearest]
    assert made["uri"] == str(tmp_path / "mine" / "pictures" / f"{made['id']}.png")
    [replayed] = lines("-L", address, "replay", made["uri"])
    assert replayed["identical"]


def test_a_walk_keeps_generated_pictures_in_another_library(address: str, tmp_path: Path) -> None:
    words = ("-L", address, "walk", PROMPT, "a boat", "--steps", 2, "--generate", "--keep")
    stops = lines(*words, "--into", tmp_path / "mine", "-o", tmp_path / "walk.png")

    assert all(Path(stop["generated"]["uri"]).is_file() for stop in stops)
    assert lines("-L", tmp_path / "mine", "status")[0]["generated"] == 2
    usage = run("-L", address, "walk", PROMPT, "a boat", "--into", tmp_path / "mine")
    assert usage.exit_code == 2


def test_it_can_be_copied_into_a_library_of_ones_own(address: str, tmp_path: Path) -> None:
    [first] = lines("copy", address, tmp_path / "mine")
    [second] = lines("copy", address, tmp_path / "mine")

    assert (first["copied"], second["copied"], second["unchanged"]) == (16, 0, 16)
    own, external = (lines("-L", place, "search", PROMPT) for place in (tmp_path / "mine", address))
    assert [(hit["id"], hit["uri"]) for hit in own] == [(hit["id"], hit["uri"]) for hit in external]


def test_nothing_is_added_to_it_or_removed(address: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(1))
    [hit] = lines("-L", address, "search", PROMPT, "-n", 1)

    added = run("-L", address, "add", tmp_path / "a.jpg")
    removed = run("-L", address, "remove", hit["id"], "--yes")

    for result in (added, removed):
        assert result.exit_code == 1
        assert "which phosphene only reads" in result.stderr
    assert lines("-L", address, "status")[0]["images"] == 16


def test_vectors_of_another_dimension_are_refused_with_both_named(collection: Theirs) -> None:
    with pytest.raises(LibraryError, match=r"have 32 numbers, but those of `landscape`.* 256"):
        phosphene.open(f"{collection.url}&model=landscape")


def test_vectors_of_another_model_are_refused_where_their_pictures_say_so(
    weaviate: Server, scenes: str
) -> None:
    with pytest.raises(
        LibraryError, match=r"are not of `landscape`.*8 stored pictures.*mean cosine"
    ) as caught:
        phosphene.open(weaviate.url("Noise", image="photo", model="landscape"))
    assert "/Noise` are not of" in caught.value.message

    with phosphene.open(weaviate.url("Noise", model="landscape")) as unseen:  # nothing can be compared
        assert unseen.status().images == 16


@pytest.mark.parametrize(
    ("name", "options", "wrong"),
    [
        ("Scenes", {"image": "photo"}, "does not name the model"),
        ("Absent", {"model": "landscape"}, "There is no collection `Absent`"),
        ("Scenes", {"model": "landscape", "image": "nope"}, "The property `nope`"),
        ("Empty", {"model": "landscape"}, "No object of"),
    ],
)
def test_an_address_that_cannot_be_read_says_why(
    weaviate: Server, scenes: str, name: str, options: dict[str, str], wrong: str
) -> None:
    if name == "Empty":
        post(weaviate, named("Empty"), [{"properties": {"title": "no vector"}}])

    result = run("-L", weaviate.url(name, **options), "search", PROMPT)

    assert result.exit_code == 1
    assert wrong in result.stderr
    assert "hint: " in result.stderr
