"""A real Weaviate with our service as its CLIP module gets the same vectors as `add`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import weaviate as client_of
from weaviate import WeaviateClient
from weaviate.classes.config import Configure, DataType, Property
from weaviate.classes.init import AdditionalConfig, Timeout
from weaviate.classes.query import MetadataQuery, Move
from weaviate.collections import Collection
from weaviate.collections.classes.internal import Object

import phosphene
from parts import need
from phosphene.embedding import open_embedder
from phosphene.landscape.scenes import SEEDS, write
from phosphene.vectors import Vector
from serving import TIMEOUT, Service, base64_of, serving
from weaviate_server import HOW, Server, binary

TOKEN = "0123456789abcdef"
COUNT = 12


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    need("weaviate", binary() is not None, HOW)
    with serving(open_embedder("landscape", device="cpu"), token=TOKEN) as running:
        running.client.base_url = f"{running.url}/k/{TOKEN}"
        yield running


@pytest.fixture(scope="module")
def server(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Weaviate that uses our service as its module."""
    told = {"CLIP_INFERENCE_API": f"{service.url}/k/{TOKEN}/", "CLIP_WAIT_FOR_STARTUP": "true"}
    running = Server(tmp_path_factory.mktemp("module"), environment=told, modules=["multi2vec-clip"])
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Drawn landscapes."""
    folder = tmp_path_factory.mktemp("drawn")
    write(folder, SEEDS["test"][:COUNT], size=128, workers=1)
    return sorted(path for path in folder.rglob("*") if path.suffix in (".png", ".jpg"))


@pytest.fixture(scope="module")
def added(files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Vector]:
    """The vectors of the landscapes in a library, by file name."""
    folder = tmp_path_factory.mktemp("libraries") / "added"
    with phosphene.open(folder, create=True, model="landscape") as library:
        library.add([files[0].parent])
        return {Path(image.uri).name: image.vector for image in library.store.iterate(vectors=True)}


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[WeaviateClient]:
    with client_of.connect_to_local(
        server.host,
        server.rest,
        server.grpc,
        skip_init_checks=True,
        additional_config=AdditionalConfig(timeout=Timeout(init=60, query=60, insert=60)),
    ) as connected:
        yield connected


@pytest.fixture(scope="module")
def pictures(client: WeaviateClient, files: list[Path]) -> Collection:
    """A collection into which the pictures were inserted without vectors."""
    made = client.collections.create(
        "Asked",
        properties=[
            Property(name="name", data_type=DataType.TEXT),
            Property(name="picture", data_type=DataType.BLOB),
        ],
        vector_config=Configure.Vectors.multi2vec_clip(name="image", image_fields=["picture"]),
    )
    with made.batch.fixed_size(batch_size=6, concurrent_requests=2) as batch:
        for file in files:
            batch.add_object({"name": file.name, "picture": base64_of(file.read_bytes())})
    assert not made.batch.failed_objects
    return made


def distance(hit: Object[Any, Any]) -> float:
    """The cosine distance of a hit."""
    assert hit.metadata.distance is not None
    return hit.metadata.distance


def asked(service: Service) -> float:
    """The number of requests for vectors that the service has answered with 200."""
    return service.metric("phosphene_requests_total", path="/vectorize", status="200")


def test_weaviate_shows_what_our_meta_says(client: Any, service: Service) -> None:
    shown = client.get_meta()["modules"]["multi2vec-clip"]
    assert shown == service.client.get("/meta").json()
    assert shown["model"] == "landscape"


def test_weaviate_gets_the_same_vectors_as_add(
    pictures: Collection, added: dict[str, Vector], service: Service
) -> None:
    found = {one.properties["name"]: one.vector["image"] for one in pictures.iterator(include_vector=True)}
    assert found.keys() == added.keys()
    assert len(found) == COUNT
    for name, vector in found.items():
        np.testing.assert_allclose(vector, added[str(name)], atol=1e-4)
    assert asked(service) >= COUNT  # one request for each object, but few passes
    assert service.metric("phosphene_pass_items_sum", kind="picture") == COUNT


def test_near_text_ranks_as_the_vectors_say(pictures: Collection, added: dict[str, Vector]) -> None:
    prompt = "a red house in the snow at night"
    vector = open_embedder("landscape", device="cpu").texts([prompt])[0]
    hits = pictures.query.near_text(prompt, limit=COUNT, return_metadata=MetadataQuery(distance=True)).objects
    scores = [1 - distance(hit) for hit in hits]
    expected = sorted((float(one @ vector) for one in added.values()), reverse=True)
    np.testing.assert_allclose(scores, expected, atol=1e-3)


def test_near_text_moves_to_and_away_from_concepts(pictures: Collection, service: Service) -> None:
    def distances(toward: Move | None = None, away: Move | None = None) -> dict[str, float]:
        asked = MetadataQuery(distance=True)
        hits = pictures.query.near_text(
            "a house", limit=COUNT, return_metadata=asked, move_to=toward, move_away=away
        ).objects
        return {str(hit.properties["name"]): distance(hit) for hit in hits}

    plain, before = distances(), asked(service)
    toward = distances(toward=Move(force=0.9, concepts=["snow at night", "the stars"]))
    away = distances(away=Move(force=0.9, concepts=["snow at night"]))
    assert asked(service) == before + 4  # a request for the prompt and one for the concepts, twice
    assert len(plain) == len(toward) == len(away) == COUNT
    assert plain != toward != away != plain


def test_near_image_finds_the_picture_itself(pictures: Collection, files: list[Path]) -> None:
    for file in files[:3]:
        sent = base64_of(file.read_bytes())
        hits = pictures.query.near_image(sent, limit=3, return_metadata=MetadataQuery(distance=True)).objects
        assert hits[0].properties["name"] == file.name
        assert distance(hits[0]) == pytest.approx(0, abs=1e-5)


def test_a_vector_of_our_own_is_kept_and_not_asked_for(
    pictures: Collection, files: list[Path], service: Service
) -> None:
    own = np.eye(256, dtype=np.float32)[7]
    sent = {"name": "own", "picture": base64_of(files[0].read_bytes())}
    before = asked(service)
    made = pictures.data.insert(sent, vector={"image": own.tolist()})
    kept = pictures.query.fetch_object_by_id(made, include_vector=True)
    assert asked(service) == before
    np.testing.assert_array_equal(kept.vector["image"], own)
    pictures.data.delete_by_id(made)


def test_an_object_without_a_usable_picture_is_refused_with_our_message(pictures: Collection) -> None:
    with pytest.raises(client_of.exceptions.UnexpectedStatusCodeError, match="there is no picture in it"):
        pictures.data.insert({"name": "text", "picture": base64_of(b"only a text")})


def test_each_readiness_probe_of_weaviate_asks_for_our_meta(server: Server, service: Service) -> None:
    name, labels = "phosphene_requests_total", {"path": "/meta", "status": "200"}
    before = service.metric(name, **labels)
    assert httpx.get(f"{server.base}/v1/.well-known/ready", timeout=TIMEOUT).status_code == 200
    assert service.metric(name, **labels) > before
