"""Pictures on the web are fetched only if the user allows it, from public addresses, and within limits."""

import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from phosphene.errors import ImageError
from phosphene.records import Failure
from phosphene.sources import Item, ScanOptions, Source, scan
from phosphene.sources.kinds import kind_of
from phosphene.sources.public_addresses import IPAddress, connect, is_public
from phosphene.sources.url_lists import UrlList
from phosphene.sources.web import MAX_REDIRECTS, Downloads
from phosphene.testing.sources import SourceTests
from pictures import jpeg
from range_server import Ranges, serving

ALLOWED = ScanOptions(allow_urls=True)


def is_loopback(address: IPAddress) -> bool:
    return address.is_loopback


HERE = Downloads(is_allowed=is_loopback, seconds=20.0)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """An HTTP server with three pictures."""
    folder = tmp_path / "web"
    folder.mkdir()
    for at, name in enumerate(("0.jpg", "a b.jpg", "ünïcode 雪.jpg")):
        (folder / name).write_bytes(jpeg(at))
    with serving(folder, Strange) as address:
        yield address


class Strange(Ranges):
    """A server that also redirects, breaks off and sends too much."""

    def do_GET(self) -> None:
        name, _, rest = self.path.lstrip("/").partition("/")
        answers = {"to": self._redirect, "loop": self._loop, "cut": self._cut, "large": self._large}
        if name in answers:
            answers[name](rest)
        else:
            super().do_GET()

    def _redirect(self, place: str) -> None:
        self.send_response(302)
        self.send_header("Location", place)
        self.end_headers()

    def _loop(self, rest: str) -> None:
        self._redirect(f"/loop/{rest}x")

    def _cut(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x")

    def _large(self, rest: str) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"x" * 3000)


class TestTextFile(SourceTests):
    scheme = "http"

    @pytest.fixture
    def source(self, tmp_path: Path, web: str) -> Source:
        names = ("0.jpg", "a%20b.jpg", "ünïcode 雪.jpg", "0.jpg#again")
        lines = ["# pictures", "", *(f"{web}/{name}" for name in names)]
        (tmp_path / "urls.txt").write_text("\n".join(lines), encoding="utf-8")
        return UrlList(str(tmp_path / "urls.txt"), ALLOWED, HERE)


class TestParquet(SourceTests):
    scheme = "http"

    @pytest.fixture
    def source(self, tmp_path: Path, web: str) -> Source:
        rows = {"URL": [f"{web}/0.jpg", f"{web}/a b.jpg"], "caption": ["a house", "a boat"], "lat": [1.5, 2]}
        pq.write_table(pa.table(rows), tmp_path / "urls.parquet")
        return UrlList(str(tmp_path / "urls.parquet"), ALLOWED, HERE)


def fetched(url: str, **limits: Any) -> bytes:
    return Downloads(is_allowed=is_loopback, **limits).fetch(url)


def refusal(url: str, **limits: Any) -> str:
    with pytest.raises(ImageError) as caught:
        fetched(url, **limits)
    return caught.value.message


# ── lists ─────────────────────────────────────────────────────────────────────────────────


def test_a_row_of_a_table_describes_its_picture(tmp_path: Path) -> None:
    rows = {"caption": ["a house"], "lat": [1.5], "width": [640], "url": ["https://example.com/a.jpg"]}
    pq.write_table(pa.table(rows), tmp_path / "urls.parquet")
    [item] = UrlList(str(tmp_path / "urls.parquet"), ALLOWED).items()
    assert isinstance(item, Item) and item.uri == "https://example.com/a.jpg"
    assert item.captions == ("a house",) and item.fields == {"latitude": 1.5} and item.stamp


def test_lines_that_are_no_urls_are_failures(tmp_path: Path) -> None:
    path = tmp_path / "urls.txt"
    lines = [b"https://example.com/a.jpg", b"file:///etc/passwd", b"../a.jpg", b"https://example.com/\xff"]
    path.write_bytes(b"\n".join([*lines, b"http://" + b"x" * 9000]))
    item, *others = UrlList(str(path), ALLOWED).items()
    assert isinstance(item, Item) and len(others) == 4
    assert all(isinstance(each, Failure) and "is not an address of the web" in each.reason for each in others)


def test_lists_are_told_from_other_files(tmp_path: Path) -> None:
    (tmp_path / "urls.txt").write_text("# mine\nhttps://example.com/a")
    (tmp_path / "notes.txt").write_text("see https://example.com")
    (tmp_path / "empty.txt").touch()
    pq.write_table(pa.table({"URL": ["x"]}), tmp_path / "urls.parquet")
    pq.write_table(pa.table({"caption": ["x"]}), tmp_path / "other.parquet")
    (tmp_path / "broken.parquet").write_text("x")
    kinds = {path.name for path in tmp_path.iterdir() if kind_of(str(path)).name == "URLs"}
    assert kinds == {"urls.txt", "urls.parquet"}
    assert kind_of("https://example.com/a.jpg").name == "URLs"
    assert {kind_of(f"https://example.com/{name}").name for name in ("0.tar", "folder/")} == {"fsspec"}


@pytest.mark.parametrize("name", ["https://example.com/a.jpg", "urls.txt"])
def test_nothing_is_fetched_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("urls.txt").write_text("https://example.com/a.jpg")
    with pytest.raises(ImageError, match="nothing is fetched unasked") as caught:
        list(scan(name))
    assert "--allow-urls" in caught.value.hint


# ── addresses ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_of_this_machine_and_of_private_networks_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "::ffff:93.184.215.14"])
def test_other_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "[::1]", "0x7f.1"])
def test_no_spelling_of_this_machine_is_asked(host: str) -> None:
    with pytest.raises(ImageError, match=r"is not a public address|cannot be fetched"):
        Downloads().fetch(f"http://{host}/a.jpg")


def test_what_was_checked_is_connected_to(monkeypatch: pytest.MonkeyPatch, web: str) -> None:
    """A name that means a public address first and this machine later does not lead to this machine."""
    asked: list[str] = []

    def resolve(host: str, port: int, **options: Any) -> list[Any]:
        asked.append(host)
        address = "192.0.2.1" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(ImageError, match="is not a public address"):
        connect("rebinding.example", int(web.rpartition(":")[2]), 1.0)
    assert asked == ["rebinding.example"]


def test_a_redirect_to_a_private_address_is_refused(web: str) -> None:
    def is_first(address: IPAddress) -> bool:
        return address == ip_address("127.0.0.1")

    with pytest.raises(ImageError, match=r"`127\.0\.0\.2` is not a public address"):
        Downloads(is_allowed=is_first).fetch(f"{web}/to/http://127.0.0.2/a.jpg")


@pytest.mark.parametrize(
    "place", ["file:///etc/passwd", "ftp://127.0.0.1/a", "data:,x", "gopher://127.0.0.1"]
)
def test_a_redirect_to_another_scheme_is_refused(web: str, place: str) -> None:
    assert "does not begin with http" in refusal(f"{web}/to/{place}")


# ── limits and failures ───────────────────────────────────────────────────────────────────


def test_pictures_are_fetched_also_after_redirects(web: str) -> None:
    assert fetched(f"{web}/to//to//0.jpg") == fetched(f"{web}/to/{web}/0.jpg") == jpeg(0)
    assert fetched(f"{web}/a b.jpg") == fetched(f"{web}/a%20b.jpg") == jpeg(1)


def test_an_endless_chain_of_redirects_ends(web: str) -> None:
    assert refusal(f"{web}/loop/") == f"it is redirected more than {MAX_REDIRECTS} times"


def test_what_goes_wrong_is_a_reason(web: str) -> None:
    assert refusal(f"{web}/gone.jpg") == "the server answers with status 404"
    assert refusal(f"{web}/large/", max_bytes=2048) == "it is larger than 0.00195312 MiB"
    assert refusal(f"{web}/cut/").startswith("it cannot be fetched")
    assert refusal("http://127.0.0.1:1/a.jpg").startswith("it cannot be fetched: ")
    assert refusal("http://127.0.0.1:99999/a.jpg").startswith("it cannot be fetched: Port out of range")
    assert refusal("http:///a.jpg").endswith("does not begin with http:// or https://")
    assert refusal(f"http://{'x' * 70}.example/").startswith(("there is no host", "it cannot be fetched"))


def test_a_server_that_sends_for_ever_is_left(tmp_path: Path) -> None:
    ended = threading.Event()

    class Slow(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                while not ended.wait(0.02):
                    self.wfile.write(b"x")
            except OSError:
                return

        def log_message(self, format: str, *args: Any) -> None: ...

    with serving(tmp_path, Slow) as address:
        try:
            assert refusal(f"{address}/a.jpg", seconds=0.3) == "it was not there after 0.3 seconds"
        finally:
            ended.set()


def test_a_certificate_that_nobody_signed_is_refused(web: str) -> None:
    assert refusal(web.replace("http:", "https:") + "/0.jpg").startswith("it cannot be fetched")
    assert ssl.create_default_context().check_hostname
