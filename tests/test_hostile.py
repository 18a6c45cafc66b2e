"""The inference service withstands hostile pages in browsers, and clients that try to starve others."""

import base64
import io
import json
import logging
import resource
import socket
import statistics
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from phosphene.embedding import Embedder, open_embedder
from phosphene.errors import ImageError
from phosphene.server import Limits, base64_pictures, outline
from phosphene.server.error_responses import RequestError
from phosphene.server.http_protocol import connection_limit
from phosphene.server.logging_config import JsonFormatter, RateLimitFilter
from phosphene.server.schemas import parse_request
from phosphene.vectors import Pixels
from pictures import drawn, encoded, jpeg
from serving import Held, Service, base64_of, serving, wait

HEAD = b"POST /vectorize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LIVE = "/.well-known/live"
MIB = 1 << 20


@pytest.fixture(scope="module")
def model() -> Embedder:
    """The built-in model, loaded once."""
    return open_embedder("landscape", device="cpu")


@pytest.fixture(scope="module")
def shared(model: Embedder) -> Iterator[Service]:
    """A service that may be called `clip`, with a short time for bodies."""
    with serving(model, hosts=["0.0.0.0", "clip", "fd00::7"], body_timeout=0.5) as service:
        yield service


def rest(connection: socket.socket) -> bytes:
    """Read until the other side hangs up."""
    with connection:
        parts = []
        try:
            while part := connection.recv(65536):
                parts.append(part)
        except ConnectionResetError:
            pass
        return b"".join(parts)


def refusal(answer: bytes) -> tuple[int, str]:
    """The status and the message of an answer, which must be JSON and end its connection."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower()
    assert b"connection: close" in head.lower()
    return int(head.split()[1]), json.loads(body)["error"]


# ── pages in browsers ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST:8080", "localhost.", "127.0.0.1:1", "127.0.0.2", "[::1]", "[::1]:8080"),
        *("[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "clip", "Clip:8080", "0.0.0.0:8080", "[fd00::7]:80"),
    ],
)
def test_hosts_that_are_ours(shared: Service, host: str) -> None:
    assert shared.client.get("/meta", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "8.8.8.8"),
        *("clip.evil.example", "localhost@evil.example", "localhost:80:80", "localhost/", "[::2]", "[clip]"),
        *("10.0.0.1", "[::ffff:10.0.0.1]", "fd00::7", "", "127.1", "0x7f000001", "localhost:port", ".", "☃"),
    ],
)
@pytest.mark.parametrize("path", ["/metrics", "/meta", LIVE, "/vectorize"])
def test_other_hosts_are_refused_everywhere(shared: Service, host: str, path: str) -> None:
    answer = shared.client.request("POST" if "vec" in path else "GET", path, headers={b"Host": host.encode()})
    assert answer.status_code == 421
    assert "--allow-host" in answer.json()["error"]
    assert not any("access-control" in name for name in answer.headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "file://"},
        {"Origin": "http://clip"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_pages_of_others_are_refused(shared: Service, headers: dict[str, str], method: str) -> None:
    answer = shared.client.request(method, "/vectorize", headers=headers, json={"texts": ["snow"]})
    assert answer.status_code == 403
    assert answer.json()["error"].startswith("Pages of other sites may not use this service")
    assert not any("access-control" in name for name in answer.headers)


def test_a_page_of_the_service_itself_may_ask(shared: Service) -> None:
    headers = {"Origin": shared.url.upper(), "Sec-Fetch-Site": "same-origin"}
    assert shared.client.get("/meta", headers=headers).status_code == 200
    assert (
        shared.client.get("/meta", headers={"Origin": "https://clip", "Host": "clip:443"}).status_code == 200
    )


def test_requests_with_no_host_or_with_several(shared: Service) -> None:
    assert rest(shared.connect(b"GET /meta HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200")
    for hosts in (b"", b"Host: localhost\r\nHost: evil.example\r\n"):
        status, message = refusal(rest(shared.connect(b"GET /meta HTTP/1.1\r\n" + hosts + b"\r\n")))
        assert (status, message.partition(",")[0]) == (400, "This is not an HTTP/1.1 request")


@pytest.mark.parametrize(
    ("type", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=UTF-8", 200),
        ('application/json;charset="utf-8"', 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=a", 415),
        ("application/json; charset=utf-16", 415),
        ("text/plain; a=application/json", 415),
        ("", 415),
    ],
)
def test_a_body_is_json_and_says_so(shared: Service, type: str, status: int) -> None:
    answer = shared.client.post("/vectorize", content=b"{}", headers={"Content-Type": type})
    assert answer.status_code == status, answer.text


def test_an_old_weaviate_does_not_say_what_it_sends(shared: Service) -> None:
    assert shared.client.post("/vectorize", content=b"{}").status_code == 200


def test_texts_of_strangers_are_shown_escaped_and_short(shared: Service) -> None:
    answer = shared.client.get("/%1b[31m%e2%80%ae" + "x" * 5000)
    assert answer.json()["error"].startswith("GET /%1B[31m%E2%80%AExxx")
    assert len(answer.text) < 300
    assert "\x1b" not in shared.client.get("/meta", headers={b"Host": b"a\xff[31m"}).text


# ── connections ───────────────────────────────────────────────────────────────────────────


def test_answers_on_a_kept_connection_come_at_once(shared: Service) -> None:
    times = []
    for _ in range(30):
        before = time.perf_counter()
        assert shared.client.get("/meta").status_code == 200
        times.append(time.perf_counter() - before)
    assert statistics.median(times) < 0.035  # seconds; without TCP_NODELAY it is 0.04 and more


def test_connections_are_fewer_than_files() -> None:
    assert connection_limit(1 << 30) < resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_idle_connections_give_way_to_new_ones(model: Embedder) -> None:
    with serving(model, max_connections=4) as service:
        assert service.client.get(LIVE).status_code == 204  # on a connection that stays open
        idle = [service.connect(b"GET / HT" if number % 2 else b"") for number in range(20)]
        for _ in range(3):
            with service.connect(b"GET /meta HTTP/1.0\r\n\r\n") as other:
                assert other.recv(100).startswith(b"HTTP/1.1 200")
        assert service.client.get(LIVE).status_code == 204
        assert all(rest(one) == b"" for one in idle[:15])
        for one in idle:
            one.close()


def test_a_new_connection_is_refused_while_all_others_work(held: Held) -> None:
    with serving(held, max_connections=2) as service, ThreadPoolExecutor() as pool:
        held.go.clear()
        working = [pool.submit(service.vectorize, images=[base64_of(jpeg(seed))]) for seed in range(2)]
        wait(lambda: service.vectorizer.queued == 2)
        assert refusal(rest(service.connect()))[0] == 503
        held.go.set()
        assert all(len(one.result()["imageVectors"]) == 1 for one in working)


@pytest.fixture
def held(model: Embedder) -> Held:
    """The same model, whose passes can be held open."""
    return Held(model)


def test_a_head_must_come_in_time(model: Embedder) -> None:
    with serving(model, head_timeout=0.3) as service:
        assert rest(service.connect()) == b""
        assert refusal(rest(service.connect(b"GET /meta HT")))[0] == 408
        second = b"GET /.well-known/live HTTP/1.1\r\nHost: localhost\r\n\r\nGET /meta HTTP/1.1\r\n"
        with service.connect(second[:-20]) as kept:
            assert kept.recv(100).startswith(b"HTTP/1.1 204")
            kept.sendall(second[-20:])
            assert refusal(rest(kept))[0] == 408


def test_a_head_has_a_largest_size(shared: Service) -> None:
    status, message = refusal(rest(shared.connect(b"GET /meta HTTP/1.1\r\nA: " + b"a" * 40_000)))
    assert status == 400
    assert "more than 16 KiB" in message


def test_a_response_must_be_read(model: Embedder) -> None:
    with serving(model, write_timeout=0.3) as service, service.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(0.2)
        with pytest.raises((OSError, TimeoutError)):
            while True:
                client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
        client.settimeout(30)
        wait(lambda: _is_reset(client))
        assert service.client.get(LIVE).status_code == 204


def _is_reset(client: socket.socket) -> bool:
    try:
        client.sendall(b"GET")
    except OSError:
        return True
    return client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


def test_a_body_in_crumbs_is_not_taken(shared: Service) -> None:
    with shared.connect(CHUNKED) as client:
        try:
            client.sendall(b"1\r\n \r\n" * 20_000)
        except ConnectionError:
            return  # hung up before all was sent
        answer = rest(client)
        assert not answer or refusal(answer)[0] == 400


# ── bodies ────────────────────────────────────────────────────────────────────────────────


def test_slow_bodies_take_no_room_from_others_and_end(shared: Service) -> None:
    slow = [shared.connect(CHUNKED + b"1\r\n{\r\n") for _ in range(16)]
    slow += [shared.connect(HEAD + b"Content-Length: 33554432\r\n\r\n{") for _ in range(16)]
    assert shared.vectorize(texts=["snow"])["textVectors"]
    for one in slow:
        status, message = refusal(rest(one))
        assert status == 408
        assert message.startswith("The body came too slowly: 1 bytes")
    assert shared.metric("phosphene_held_bytes") == 0


def test_the_oldest_body_on_its_way_gives_way(model: Embedder) -> None:
    with serving(model, max_body=50_000, max_total_body=60_000) as service:
        slow = service.connect(HEAD + b"Content-Length: 50000\r\n\r\n" + b" " * 40_000)
        wait(lambda: service.vectorizer.bodies.held == 40_000)
        sent = json.dumps({"texts": ["snow"], "more": "x" * 45_000}).encode()
        assert service.client.post("/vectorize", content=sent).status_code == 200
        assert refusal(rest(slow))[0] == 408
        assert service.vectorizer.bodies.held == 0


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b'{"texts":[' + b"1," * MIB + b"1]}", 413, "bytes in addition to its texts"),
        (b'{"texts":[' + b"[]," * MIB + b"1]}", 413, "bytes in addition to its texts"),
        (b'{"texts":[' + b'"",' * MIB + b'""]}', 413, "quotation marks"),
        (b'{"texts":["' + b'\\"' * MIB + b'"]}', 413, "quotation marks"),
        (b'{"texts":["' + b"\\\\" * MIB + b'"]}', 413, "texts[0] has more than 65,536"),
        (b'{"texts":["a","' + b"a" * 70_000 + b'"]}', 413, "texts[1] has more than 65,536"),
        (b"[" * 50_000, 400, "recursion limit"),
        (b"[" * MIB, 413, "bytes in addition to"),
        (b'{"texts":[1' + b"0" * 50_000 + b"]}", 400, "number out of range"),
        (b'{"texts":[NaN]}', 422, "texts[0]: input should be a valid string"),
        (b'{"texts":[1e999,2,3]}', 422, "texts[0]: input should be a valid string"),
        (b'{"texts":["' + b"a" * 1000, 400, "EOF while parsing a string"),
        (b'{"texts":["' + b"\\ud800" * 100 + b'"]}', 400, "surrogate"),
        (b'{"texts":["' + b"\xff" * 1000 + b'"]}', 400, "invalid unicode"),
        (b'{"' + b"x" * 1000 + b'":1', 400, "EOF"),
    ],
)
def test_odd_json_costs_little_and_is_told(body: bytes, status: int, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        parse_request(body, Limits())
    assert refused.value.status == status
    assert message in refused.value.message


@given(st.lists(st.text() | st.text('\\"a', min_size=300, max_size=400)), st.booleans())
def test_texts_are_read_as_a_json_parser_reads_them(texts: list[str], plain: bool) -> None:
    usable = [text for text in texts if text.encode("utf-8", "replace").decode() == text]
    body = json.dumps({"texts": usable}, ensure_ascii=plain).encode()
    assert parse_request(body, Limits()).texts == usable


def test_the_last_of_two_lists_counts_and_only_strings_are_strings() -> None:
    long = "x" * 1000
    body = json.dumps({"texts": [f"{outline.MARK[:-1]}0", long], "more": long}).encode()
    assert parse_request(body, Limits()).texts == [f"{outline.MARK[:-1]}0", long]
    assert parse_request(b'{"texts": ["a"], "texts": ["b"]}', Limits()).texts == ["b"]


def test_the_service_answers_while_it_reads_a_large_wrong_body(shared: Service) -> None:
    body = b'{"texts":[' + b"1," * MIB + b"1]}"
    with ThreadPoolExecutor() as pool:
        wrong = [pool.submit(shared.client.post, "/vectorize", content=body) for _ in range(3)]
        worst = 0.0
        while not all(one.done() for one in wrong):
            before = time.perf_counter()
            assert shared.client.get(LIVE).status_code == 204
            worst = max(worst, time.perf_counter() - before)
        assert {one.result().status_code for one in wrong} == {413}
    assert worst < 1  # seconds; it was 10, and is 0.1 on a busy machine


# ── pictures ──────────────────────────────────────────────────────────────────────────────


@given(st.binary(max_size=400), st.sampled_from(["\n", "\r\n", ""]), st.booleans(), st.booleans())
def test_base64_is_decoded_piece_by_piece(file: bytes, line: str, escaped: bool, padded: bool) -> None:
    text = base64.b64encode(file).decode()
    text = line.join(text[at : at + 7] for at in range(0, len(text), 7))
    text = text if padded else text.rstrip("=\r\n")
    written = json.dumps(text)[1:-1]
    written = written.replace("/", "\\/").replace("+", "\\u002b") if escaped else written
    assert base64_pictures.decode_base64(written.encode(), chunk=16) == file


@pytest.mark.parametrize(
    "written", [b"QQ==QUJD", b"QUJ=D", b"QUJD" * 9 + b"=" + b"QUJD" * 9, b"Q", b"\\x", b"\xff"]
)
def test_wrong_base64_is_refused(written: bytes) -> None:
    with pytest.raises(ImageError, match="it is not base64"):
        base64_pictures.decode_base64(written, chunk=16)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(chunks: bytes, size: tuple[int, int] = (8, 8)) -> bytes:
    """A PNG with additional chunks before its pixels."""
    file = encoded(Image.new("L", size))
    return file[:33] + chunks + file[33:]


def scanned(scans: int, size: tuple[int, int]) -> bytes:
    """A progressive JPEG whose last scan is repeated this many times."""
    file = io.BytesIO()
    Image.new("RGB", size).save(file, "JPEG", progressive=True)
    content = file.getvalue()
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * scans + content[-2:]


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (png_with(chunk(b"abCd", b"") * 40_000), "too many small pieces"),
        (encoded(Image.new("L", (8, 8)))[:-12] + chunk(b"abCd", b"") * 40_000, "too many small pieces"),
        (b"GIF89a\x08\0\x08\0\0\0\0\x21\xfe" + b"\x01x" * 40_000, "too many small pieces"),
        (b"\xff\xd8" + b"\xff\xfe\0\x02" * 40_000, "too many small pieces"),
        (scanned(1100, (8, 8)), "scans, which would take too long"),
        (scanned(40, (2000, 200)), "scans, which would take too long"),
        (encoded(Image.new("L", (70_000, 1))), "70000×1 pixels, and a side may have 65,535"),
        (encoded(Image.new("F", (700, 400)), "TIFF"), "0.25 million of this depth are allowed"),
        (encoded(Image.new("L", (1001, 1000))), "1001×1000 pixels, and 1 million are allowed"),
    ],
)
def test_a_picture_that_would_cost_too_much_is_refused_first(file: bytes, reason: str) -> None:
    with pytest.raises(ImageError) as refused:
        base64_pictures.check_size(file, 1_000_000)
    assert reason in refused.value.message


def test_compressed_texts_and_profiles_are_not_unpacked(shared: Service) -> None:
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(b"\0" * (2 * MIB), 9)) * 500
    profile = chunk(b"iCCP", b"p\0\0" + zlib.compress(b"\0" * (20 * MIB), 9)) * 50
    same = shared.vectorize(images=[base64_of(png_with(b"")), base64_of(png_with(text + profile))])
    one, other = same["imageVectors"]
    np.testing.assert_allclose(one, other, atol=1e-4)


class Counting(Held):
    """An embedder that counts how many pictures are prepared at once."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__(embedder)
        self.at_once, self.most, self.lock = 0, 0, threading.Lock()

    def prepare(self, picture: Image.Image) -> Pixels:
        with self.lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        time.sleep(0.05)
        with self.lock:
            self.at_once -= 1
        return super().prepare(picture)


def test_large_pictures_are_decoded_one_at_a_time(model: Embedder) -> None:
    counting = Counting(model)
    with serving(counting, large_pixels=1000) as service:
        answer = service.vectorize(images=[base64_of(encoded(drawn(seed))) for seed in range(6)])
        assert len(answer["imageVectors"]) == 6
    assert counting.most == 1


# ── fair turns and the log ────────────────────────────────────────────────────────────────


def test_a_small_request_does_not_wait_for_all_of_a_large_one(held: Held) -> None:
    with serving(held, batch_size=4, batch_wait=0.0) as service, ThreadPoolExecutor() as pool:
        held.go.clear()
        large = pool.submit(service.vectorize, images=[base64_of(jpeg(seed)) for seed in range(40)])
        wait(lambda: sum(map(len, service.vectorizer.pictures.queue)) >= 36)
        small = pool.submit(service.vectorize, images=[base64_of(jpeg(99))])
        wait(lambda: len(service.vectorizer.pictures.queue) == 2)
        held.go.set()
        small.result()
        assert len(held.passes) <= 5  # of 12: the one that was held, the next one, and what came since
        assert len(large.result()["imageVectors"]) == 40


def test_warnings_that_strangers_cause_are_written_once_in_a_while() -> None:
    seldom = RateLimitFilter()
    records = [logging.makeLogRecord({"msg": "Invalid %s", "args": (n,), "created": n}) for n in range(25)]
    assert [record.created for record in records if seldom.filter(record)] == [0, 10, 20]
    assert len(JsonFormatter().format(logging.makeLogRecord({"msg": "x" * 100_000}))) < 9000
