"""The inference service answers over a real socket like Weaviate's stock container, and has limits."""

import base64
import io
import json
import re
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

import phosphene
from command import process, run
from phosphene.embedding import Embedder, open_embedder
from phosphene.errors import ModelError, ServerError
from phosphene.server import Limits
from phosphene.server.runner import listen, serve, uvicorn_config
from pictures import cut, drawn, encoded, jpeg, png_header, turned
from serving import TIMEOUT, Held, Service, base64_of, serving, wait

TOKEN = "0123456789abcdef"
TEXTS = ["a red house in the snow", "two blue boats", ""]


@pytest.fixture(scope="module")
def model() -> Embedder:
    """The built-in model, loaded once."""
    return open_embedder("landscape", device="cpu")


@pytest.fixture(scope="module")
def shared(model: Embedder) -> Iterator[Service]:
    """A service that tests share and do not change."""
    with serving(model) as service:
        yield service


@pytest.fixture
def held(model: Embedder) -> Held:
    """The same model, whose passes can be held open."""
    return Held(model)


def image(seed: int = 0) -> str:
    return base64_of(jpeg(seed))


def error(answer: httpx.Response, status: int) -> str:
    """The message of a refusal, which is JSON with every status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    message = answer.json()["error"]
    assert message and isinstance(message, str)
    return str(message)


# ── the smoke test of the stock container ─────────────────────────────────────────────────


def test_live_and_ready_are_204(shared: Service) -> None:
    for path in ("/.well-known/live", "/.well-known/ready"):
        for answer in (shared.client.get(path), shared.client.head(path)):
            assert (answer.status_code, answer.content) == (204, b"")


def test_meta_is_an_object_that_names_the_space(shared: Service, model: Embedder) -> None:
    meta = shared.client.get("/meta").json()
    assert meta["model"] == "landscape"
    assert meta["space"] == model.space.id
    assert meta["dimension"] == 256
    assert meta["version"] == phosphene.__version__


def test_a_text_and_a_picture_have_vectors_of_one_dimension(shared: Service) -> None:
    answer = shared.vectorize(texts=["a plane"], images=[image()])
    assert [len(vector) for vector in answer["textVectors"] + answer["imageVectors"]] == [256, 256]


def test_the_same_picture_twice_has_the_same_vector_to_the_last_bit(shared: Service) -> None:
    answer = shared.vectorize(texts=TEXTS, images=[image(1), image(2), image(1)])
    assert len(answer["textVectors"]) == 3
    assert answer["imageVectors"][0] == answer["imageVectors"][2] != answer["imageVectors"][1]
    again = shared.vectorize(images=[image(1)])["imageVectors"][0]
    assert again == shared.vectorize(images=[image(1)])["imageVectors"][0]


# ── the format of requests ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        ({"texts": TEXTS}, (3, 0)),
        ({"images": [image()]}, (0, 1)),
        ({"texts": ["snow"], "images": [image(), image(1)]}, (1, 2)),
        ({}, (0, 0)),
        ({"texts": [], "images": []}, (0, 0)),
        ({"texts": None, "images": None}, (0, 0)),
        ({"texts": ["snow"], "images": None, "more": 1}, (1, 0)),
    ],
)
def test_either_list_may_be_absent(shared: Service, asked: dict[str, Any], counts: tuple[int, int]) -> None:
    answer = shared.vectorize(**asked)
    assert (len(answer["textVectors"]), len(answer["imageVectors"])) == counts


def test_vectors_come_in_the_order_of_the_request(shared: Service, model: Embedder) -> None:
    pictures = [drawn(seed) for seed in range(40)]  # more than a pass takes
    texts = [f"{count} boats" for count in range(40)]
    answer = shared.vectorize(texts=texts, images=[base64_of(encoded(picture)) for picture in pictures])
    expected = model.pictures([model.prepare(picture) for picture in pictures]).vectors
    np.testing.assert_allclose(answer["imageVectors"], expected, atol=1e-4)
    np.testing.assert_allclose(answer["textVectors"], model.texts(texts), atol=1e-4)


def test_vectors_have_length_one(shared: Service) -> None:
    answer = shared.vectorize(texts=TEXTS, images=[image(seed) for seed in range(3)])
    lengths = np.linalg.norm(answer["textVectors"] + answer["imageVectors"], axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-3)


def test_base64_is_read_as_people_write_it(shared: Service) -> None:
    content = next(file for file in map(jpeg, range(99)) if b"\xff\xfb" in file or len(file) % 3)
    plain = base64_of(content)
    written = [
        f"data:image/jpeg;base64,{plain}",
        f"DATA:;BASE64,{plain}",
        "\n".join(re.findall(".{1,76}", plain)) + "\r\n",
        base64.urlsafe_b64encode(content).decode(),
        plain.rstrip("="),
    ]
    expected = shared.vectorize(images=[plain])["imageVectors"][0]
    for one in written:
        np.testing.assert_allclose(shared.vectorize(images=[one])["imageVectors"][0], expected, atol=1e-6)


def test_double_and_trailing_slashes_are_no_redirect(shared: Service) -> None:
    for path in ("//vectorize", "/vectorize/", "//vectorize//"):
        assert shared.client.post(shared.url + path, json={"texts": ["snow"]}).status_code == 200
    assert shared.client.get(f"{shared.url}//meta").status_code == 200


def test_an_idle_connection_is_kept_longer_than_weaviate_keeps_it() -> None:
    assert uvicorn_config(None, Limits()).timeout_keep_alive > 90  # seconds, for which Go keeps connections


def test_an_idle_connection_is_closed_in_the_end(model: Embedder) -> None:
    with serving(model, keep_alive=1) as service, service.connect(b"GET /meta HTTP/1.1\r\n") as client:
        client.sendall(b"Host: localhost\r\n\r\n")
        received = b""
        while piece := client.recv(65536):  # ends when the service closes the connection
            received += piece
        assert received.startswith(b"HTTP/1.1 200")


# ── pictures ──────────────────────────────────────────────────────────────────────────────


def frames(format: str) -> bytes:
    return encoded(drawn(1), format, save_all=True, append_images=[drawn(2), drawn(3)])


def awkward() -> dict[str, bytes]:
    """Usual kinds of picture files."""
    clear = drawn(4)
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    deep = (np.arange(64 * 48, dtype=np.uint16).reshape(48, 64) * 20).copy()
    return {
        "palette.png": encoded(drawn(5).convert("P")),
        "rgba.png": encoded(clear),
        "grey.png": encoded(drawn(6).convert("L")),
        "deep.png": encoded(Image.fromarray(deep)),
        "cmyk.jpg": encoded(drawn(7).convert("CMYK"), "JPEG"),
        "turned.jpg": turned(6),
        "many.gif": frames("GIF"),
        "many.webp": frames("WEBP"),
        "one.png": encoded(drawn(8, (1, 1))),
        "large.jpg": jpeg(9, (4096, 3072)),
        "tiff.tif": encoded(drawn(10), "TIFF"),
        "bmp.bmp": encoded(drawn(11), "BMP"),
    }


def test_every_kind_of_picture_has_the_vector_that_add_gives_it(shared: Service, tmp_path: Path) -> None:
    files = awkward()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with phosphene.open(tmp_path / "library", create=True, model="landscape") as library:
        assert library.add([tmp_path]).added == len(files)
        stored = {Path(one.uri).name: one.vector for one in library.store.iterate(vectors=True)}
    served = shared.vectorize(images=[base64_of(content) for content in files.values()])["imageVectors"]
    for name, vector in zip(files, served, strict=True):
        np.testing.assert_allclose(vector, stored[name], atol=1e-4, err_msg=name)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("!not base64!", "it is not base64"),
        ("abcde", "it is not base64"),
        ("", "it is empty"),
        (base64_of(b"just a text, no picture"), "there is no picture in it"),
        (base64_of(cut(jpeg(0))), "it is cut off or damaged"),
        (base64_of(png_header(9000, 9000)), "it has 9000×9000 pixels, and 64 million are allowed"),
        (base64_of(png_header(30_000, 30_000)), "million pixels"),
        ("data:image/png,%89PNG", "it is not base64"),
    ],
)
def test_an_unusable_picture_fails_its_request_and_is_named(shared: Service, sent: str, reason: str) -> None:
    message = shared.refused(422, texts=["snow"], images=[image(), image(), sent])
    assert message.startswith("images[2] is not a usable picture: ")
    assert reason in message


# ── errors ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "The body is not JSON"),
        (b'{"texts": ["snow"', 400, "The body is not JSON"),
        (b'{"texts": ["\\ud800"]}', 400, "The body is not JSON"),
        (b'["snow"]', 422, "The body: "),
        (b'{"texts": "snow"}', 422, "texts: input should be a valid array"),
        (b'{"texts": ["snow", 5]}', 422, "texts[1]: input should be a valid string"),
        (b'{"images": [null]}', 422, "images[0]: input should be a valid string"),
    ],
)
def test_the_answer_to_a_wrong_body_says_what_is_wrong(
    shared: Service, body: bytes, status: int, message: str
) -> None:
    assert message in error(shared.client.post("/vectorize", content=body), status)


def test_an_unknown_path_and_a_wrong_method_are_json_too(shared: Service) -> None:
    assert error(shared.client.get("/nowhere"), 404) == "GET /nowhere: not found."
    assert error(shared.client.get("/vectorize"), 405) == "GET /vectorize: method not allowed."
    assert error(shared.client.post("/meta", content=b"x" * 9_000_000), 405)
    assert error(shared.client.get("/docs"), 404)


def test_without_a_model_yet_it_is_503(model: Embedder) -> None:
    with serving(None) as service:
        assert service.client.get("/.well-known/live").status_code == 204
        assert error(service.client.get("/.well-known/ready"), 503) == "The model is still loading."
        assert service.client.get("/meta").json()["name"] == "phosphene"
        answer = service.client.post("/vectorize", json={"texts": ["snow"]})
        assert error(answer, 503) == "The model is still loading."
        assert answer.headers["retry-after"] == "1"
        service.vectorizer.load(model)
        assert service.client.get("/.well-known/ready").status_code == 204
        assert service.vectorize(texts=["snow"])["textVectors"]


def test_too_much_is_413(model: Embedder) -> None:
    with serving(model, max_body=10_000, max_items=3) as service:
        large = json.dumps({"texts": ["x" * 20_000]}).encode()
        assert "are allowed" in error(service.client.post("/vectorize", content=large), 413)
        unsaid = service.client.post("/vectorize", content=iter([large, large * 100]))
        assert "The body is larger than" in error(unsaid, 413)
        assert "The request has 4 texts and images, and 3 are allowed" in service.refused(
            413, texts=["a"] * 4
        )
        assert service.vectorize(texts=["a"] * 3)["textVectors"]


def test_a_large_body_is_refused_before_it_is_sent_where_the_client_asks_first(model: Embedder) -> None:
    with serving(model, max_body=10_000) as service:
        host, port = service.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=TIMEOUT) as client:
            head = b"POST /vectorize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n"
            client.sendall(head + b"Expect: 100-continue\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_hangs_up_in_the_middle_is_no_failure_of_ours(model: Embedder) -> None:
    with serving(model) as service:
        host, port = service.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=TIMEOUT) as client:
            client.sendall(
                b'POST /vectorize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{"texts":'
            )
            service.wait_for("phosphene_held_bytes", 9)
        wait(lambda: service.metric("phosphene_requests_total", path="/vectorize", status="400") == 1)
        assert service.metric("phosphene_held_bytes") == 0
        assert service.vectorize(texts=["snow"])["textVectors"]


def test_a_full_queue_is_429_and_says_when_to_come_again(held: Held) -> None:
    with serving(held, max_queue=2) as service, ThreadPoolExecutor() as pool:
        held.go.clear()
        first = pool.submit(service.vectorize, images=[image(1), image(2)])
        service.wait_for("phosphene_waiting_items", 2)
        answer = service.client.post("/vectorize", json={"texts": ["snow"]})
        assert "2 texts and images are waiting already" in error(answer, 429)
        assert answer.headers["retry-after"] == "1"
        held.go.set()
        assert len(first.result()["imageVectors"]) == 2
        assert service.vectorize(texts=["snow"])["textVectors"]


def test_bodies_that_take_too_much_memory_are_429(held: Held) -> None:
    with serving(held, max_body=50_000, max_total_body=50_000) as service, ThreadPoolExecutor() as pool:
        held.go.clear()
        first = pool.submit(service.vectorize, images=[image(1)])
        service.wait_for("phosphene_held_bytes", 1)
        large = json.dumps({"texts": ["snow"], "padding": "x" * 49_000}).encode()
        assert "are being answered" in error(service.client.post("/vectorize", content=large), 429)
        held.go.set()
        assert first.result()
        assert service.client.post("/vectorize", content=large).status_code == 200


def test_an_answer_that_takes_too_long_is_503(held: Held) -> None:
    with serving(held, answer_timeout=0.3) as service:
        held.go.clear()
        answer = service.client.post("/vectorize", json={"images": [image()]})
        assert "There was no vector within 0.3 s." in error(answer, 503)
        assert answer.headers["retry-after"] == "1"
        held.go.set()
        wait(lambda: service.metric("phosphene_waiting_items") == 0)
    assert held.passes.count(1) >= 1


def test_an_item_that_the_model_fails_on_is_500_and_no_other_request_fails(held: Held) -> None:
    black = base64_of(encoded(Image.new("RGB", (64, 64))))
    with serving(held) as service, ThreadPoolExecutor() as pool:
        held.go.clear()
        first = pool.submit(service.vectorize, images=[image(0)])  # keeps the model busy
        wait(lambda: service.metric("phosphene_pass_items_count", kind="picture") == 1)
        good = [pool.submit(service.vectorize, images=[image(seed)]) for seed in (1, 2)]
        bad = pool.submit(service.refused, 500, images=[image(3), black])
        service.wait_for("phosphene_waiting_items", 5)
        held.go.set()
        assert "no direction" in bad.result()
        for one in (first, *good):
            assert len(one.result()["imageVectors"]) == 1


# ── many at once ──────────────────────────────────────────────────────────────────────────


def test_many_requests_at_once_share_few_forward_passes(held: Held) -> None:
    with serving(held) as service, ThreadPoolExecutor(33) as pool:
        held.go.clear()
        first = pool.submit(service.vectorize, images=[image(99)])
        wait(lambda: service.metric("phosphene_pass_items_count", kind="picture") == 1)
        requests = [pool.submit(service.vectorize, images=[image(seed)]) for seed in range(32)]
        service.wait_for("phosphene_waiting_items", 33)
        wait(lambda: service.metric("phosphene_decode_seconds_count") == 33)
        held.go.set()
        vectors = [one.result()["imageVectors"][0] for one in requests]
        assert first.result()
        assert service.metric("phosphene_pass_items_count", kind="picture") <= 3
        assert service.metric("phosphene_pass_items_sum", kind="picture") == 33
    alone = held.embedder.pictures([held.prepare(drawn_again(seed)) for seed in range(32)]).vectors
    np.testing.assert_allclose(vectors, alone, atol=1e-4)


def drawn_again(seed: int) -> Image.Image:
    return Image.open(io.BytesIO(jpeg(seed))).convert("RGB")


def test_a_first_pass_waits_for_those_on_their_way(model: Embedder) -> None:
    with serving(model, batch_wait=TIMEOUT) as service, ThreadPoolExecutor(8) as pool:
        asked = [{"texts": [f"{seed} boats"]} for seed in range(8)]
        with service.vectorizer.arriving():  # as for a request that is still being read
            answers = [pool.submit(service.vectorize, **one) for one in asked]
            service.wait_for("phosphene_waiting_items", 8)
            assert service.metric("phosphene_pass_items_count", kind="text") == 0
        assert all(len(one.result()["textVectors"]) == 1 for one in answers)
        assert service.metric("phosphene_pass_items_count", kind="text") == 1
        assert service.vectorize(texts=["alone"])["textVectors"]  # no other is on its way: it does not wait


def test_a_bad_picture_fails_its_own_request_alone(held: Held) -> None:
    with serving(held) as service, ThreadPoolExecutor() as pool:
        held.go.clear()
        good = [pool.submit(service.vectorize, images=[image(seed)]) for seed in range(4)]
        assert "it is cut off or damaged" in service.refused(422, images=[image(9), base64_of(cut(jpeg(9)))])
        held.go.set()
        assert [len(one.result()["imageVectors"]) for one in good] == [1] * 4


def test_meta_and_health_answer_while_a_pass_is_held_open(held: Held) -> None:
    with serving(held) as service, ThreadPoolExecutor() as pool:
        held.go.clear()
        asked = pool.submit(service.vectorize, images=[image()])
        wait(lambda: service.metric("phosphene_pass_items_count", kind="picture") == 1)
        assert service.client.get("/meta").json()["model"] == "landscape"
        assert service.client.get("/.well-known/ready").status_code == 204
        assert not asked.done()
        held.go.set()
        assert asked.result()


def test_metrics_count_requests_by_path_and_status(model: Embedder) -> None:
    with serving(model) as service:
        service.vectorize(texts=["snow", "sea"])
        service.refused(422, images=["!"])
        service.client.get("/nowhere")
        name = "phosphene_requests_total"
        assert service.metric(name, path="/vectorize", status="200") == 1
        assert service.metric(name, path="/vectorize", status="422") == 1
        assert service.metric(name, path="other", status="404") == 1
        assert service.metric("phosphene_pass_items_sum", kind="text") == 2
        assert service.metric("phosphene_decode_seconds_count") == 1
        assert service.metric("phosphene_waiting_items") == 0


# ── a token ───────────────────────────────────────────────────────────────────────────────


def test_with_a_token_everything_but_health_lies_below_it(model: Embedder) -> None:
    with serving(model, token=TOKEN) as service:
        texts = {"texts": ["snow"]}
        assert service.client.post(f"/k/{TOKEN}/vectorize", json=texts).status_code == 200
        assert service.client.post(f"/k/{TOKEN}//vectorize", json=texts).status_code == 200
        for path in (f"/k/{TOKEN}/meta", f"/k/{TOKEN}/.well-known/ready", "/.well-known/ready"):
            assert service.client.get(path).status_code in (200, 204)
        for path in ("/vectorize", "/k/wrong-wrong-wrong/vectorize", f"/k/{TOKEN}x/vectorize"):
            assert error(service.client.post(path, json=texts), 404) == "POST /: not found."
        assert error(service.client.get("/meta"), 404)
        assert error(service.client.get("/metrics"), 404)


# ── the command ───────────────────────────────────────────────────────────────────────────


def test_the_command_serves_logs_and_drains_at_sigterm(
    monkeypatch: pytest.MonkeyPatch, shared: Service
) -> None:
    monkeypatch.setenv("PHOSPHENE_TOKEN", TOKEN)
    server = process("serve", "--model", "landscape", "--port", "0", "--json", "--device", "cpu")
    assert server.stdout
    started = json.loads(server.stdout.readline())
    assert started["model"] == "landscape"
    files = [base64_of(encoded(drawn(seed, (1500, 1200)), compress_level=1)) for seed in range(6)]
    below = httpx.Client(base_url=f"{started['url']}/k/{TOKEN}", timeout=TIMEOUT)
    with below as client, ThreadPoolExecutor() as pool:
        answer = pool.submit(client.post, "/vectorize", json={"images": files})
        wait(lambda: "waiting_items 6.0" in client.get("/metrics").text)
        server.send_signal(signal.SIGTERM)
        assert len(answer.result().json()["imageVectors"]) == 6
    rest, log = server.communicate(timeout=TIMEOUT)
    assert (server.returncode, rest) == (0, "")
    lines = [json.loads(line) for line in log.splitlines()]
    first = next(line["event"] for line in lines if not line["event"].startswith("Preparing the "))
    assert first == "loaded"
    posted = next(line for line in lines if line.get("method") == "POST")
    assert {"path": "/vectorize", "status": 200, "images": 6, "texts": 0}.items() <= posted.items()
    assert TOKEN not in log
    with pytest.raises(httpx.ConnectError):
        httpx.get(started["url"])


def test_the_command_serves_in_int8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOSPHENE_TOKEN", TOKEN)
    server = process(
        "serve", "--model", "landscape", "--precision", "int8", "--port", "0", "--json", "--device", "cpu"
    )
    assert server.stdout
    url = json.loads(server.stdout.readline())["url"]
    picture = drawn(0)
    answer = httpx.post(
        f"{url}/k/{TOKEN}/vectorize", json={"images": [base64_of(encoded(picture))]}, timeout=TIMEOUT
    )
    server.terminate()
    server.communicate(timeout=TIMEOUT)
    embedder = open_embedder("landscape", device="cpu", precision="int8")
    [expected] = embedder.pictures([embedder.prepare(picture)]).vectors
    assert answer.json()["imageVectors"][0] == pytest.approx(expected.tolist(), abs=1e-5)


def test_a_model_that_is_not_there_ends_the_command(tmp_path: Path) -> None:
    server = process("serve", "--model", f"local-dir:{tmp_path}", "--port", "0")
    out, told = server.communicate(timeout=TIMEOUT)
    assert (server.returncode, out) == (1, "")
    assert "Error: There is no `open_clip_config.json` in" in told
    assert "hint: name a folder that open_clip's `save_pretrained` wrote" in told


def test_an_unknown_model_is_an_error_before_a_port_is_opened() -> None:
    with pytest.raises(ModelError, match="`landscapes` is not the name of a model"):
        serve("landscapes", host="not an address")


def test_a_port_that_is_taken_is_named() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ServerError, match=rf"The service cannot listen at `127\.0\.0\.1:{port}`: address already in use"
        ):
            listen("127.0.0.1", port)
    with pytest.raises(
        ServerError,
        match=r"The service cannot listen at `192\.0\.2\.1:0`: cannot assign requested address\.\nhint: ",
    ):
        listen("192.0.2.1", 0)


def test_a_token_that_could_be_guessed_is_a_wrong_call() -> None:
    for token in ("short", "with/slash-0123456789"):
        ended = run("serve", "--token", token)
        assert ended.exit_code == 2
        assert "at least 16 of" in ended.stderr


def test_limits_hold_together() -> None:
    limits = Limits()
    assert limits.max_items <= limits.max_queue
    assert limits.max_body <= limits.max_total_body
    assert limits.answer_timeout < 50  # seconds, Weaviate's own
