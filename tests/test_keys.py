"""Keys are checked before they are sent, and no error shows one."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from command import run
from phosphene.errors import StoreError
from phosphene.keys import masked, weaviate_key

SECRET = "geheim-key-123"


class Echo(http.server.BaseHTTPRequestHandler):
    """A server that refuses a key and repeats it, as some proxies do."""

    def do_GET(self) -> None:
        said = f"who is {self.headers.get('Authorization')}?".encode()
        self.send_response(500)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def echo() -> Iterator[str]:
    """The address of a library on this server."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"weaviate://127.0.0.1:{server.server_port}/Photos?timeout=1"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("around", [("", ""), ("", "\r\n"), ("\n", ""), (" ", "\t")])
def test_space_around_a_key_is_left_out(around: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEAVIATE_API_KEY", SECRET.join(around))

    assert weaviate_key() == SECRET


@pytest.mark.parametrize("odd", ["\r\n", " ", "\t", "ü", "’", "\x7f", "\udcff"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(
    odd: str, monkeypatch: pytest.MonkeyPatch, echo: str
) -> None:
    monkeypatch.setenv("WEAVIATE_API_KEY", f"geheim{odd}key-123")

    with pytest.raises(StoreError, match="character 7 of") as caught:
        weaviate_key()
    told = run("-L", echo, "status")

    assert told.exit_code == 1
    for text in (caught.value.message, caught.value.hint, told.output):
        assert "geheim" not in text
        assert "key-123" not in text


@pytest.mark.parametrize("words", [["status"], ["status", "--json"], ["schema", "check"]])
def test_a_server_that_repeats_the_key_is_quoted_without_it(
    words: list[str], echo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEAVIATE_API_KEY", SECRET + "\n")

    told = run("-L", echo, *words)

    assert told.exit_code == 1
    assert "who is Bearer …?" in told.output
    assert SECRET not in told.output


def test_passwords_of_urls_are_masked() -> None:
    told = masked("https://me:secret@hub:80/x and http://host/a@b are there, weaviate://a@b too")

    assert told == "https://…@hub:80/x and http://host/a@b are there, weaviate://…@b too"
