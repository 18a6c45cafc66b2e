"""Fetching pictures from the web, which anybody may have put there: from public addresses, within limits."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from socket import SHUT_RDWR, socket
from urllib.parse import quote, urljoin, urlsplit

from phosphene.errors import ImageError, first_line
from phosphene.sources.public_addresses import IsAllowed, connect, is_public

MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
PORTS = {"http": 80, "https": 443}
HEADERS = {
    "User-Agent": "phosphene",
    "Accept": "image/*,*/*;q=0.5",
    "Accept-Encoding": "identity",
    "Connection": "close",
}
SAFE = "/:?&=+$,;@%!*'()~[]"  # what a path and its query keep as it is
AT_ONCE = threading.BoundedSemaphore(8)  # a few, since a list may name one host a million times


@dataclass(frozen=True, slots=True)
class Downloads:
    """Fetches pictures. No option of a command changes `is_allowed`; tests allow this machine with it."""

    is_allowed: IsAllowed = is_public
    max_bytes: int = 64 << 20
    seconds: float = 30.0  # for a whole download with its redirects

    def fetch(self, url: str) -> bytes:
        """The bytes at a URL. Raises ImageError with the reason if there are none, too many, or too late."""
        with AT_ONCE:
            deadline = time.monotonic() + self.seconds
            try:
                return self._followed(url, deadline)
            except (OSError, HTTPException, ValueError) as error:
                if time.monotonic() >= deadline:
                    raise ImageError(f"it was not there after {self.seconds:g} seconds") from error
                raise ImageError(f"it cannot be fetched: {first_line(error)}") from error

    def _followed(self, url: str, deadline: float) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            with self._answer(url, deadline) as answer:
                if answer.status == 200:
                    return self._read(answer, deadline)
                if answer.status not in REDIRECTS or not (place := answer.getheader("Location")):
                    raise ImageError(f"the server answers with status {answer.status}")
                url = urljoin(url, place)  # and its address is checked like the first one
        raise ImageError(f"it is redirected more than {MAX_REDIRECTS} times")

    @contextmanager
    def _answer(self, url: str, deadline: float) -> Iterator[HTTPResponse]:
        """The answer of the host of a URL, from the address that was checked."""
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise ImageError(f"`{url[:200]}` does not begin with http:// or https://")
        host, port = parts.hostname, parts.port or PORTS[parts.scheme]
        left = max(0.001, deadline - time.monotonic())
        with closing(connect(host, port, left, self.is_allowed)) as plain, _ended_after(left, plain):
            connection = HTTPConnection(host, port)
            connection.sock = _encrypted(plain, host) if parts.scheme == "https" else plain
            path = parts._replace(scheme="", netloc="", fragment="", path=parts.path or "/").geturl()
            with closing(connection):
                connection.request("GET", quote(path, safe=SAFE), headers=HEADERS)
                with closing(connection.getresponse()) as answer:
                    yield answer

    def _read(self, answer: HTTPResponse, deadline: float) -> bytes:
        content = answer.read(self.max_bytes + 1)
        if len(content) > self.max_bytes:
            raise ImageError(f"it is larger than {self.max_bytes / (1 << 20):g} MiB")
        is_late = time.monotonic() >= deadline  # then the content ends where the connection was shut down
        if is_late or answer.length:  # `length` is what is missing of the length that the server has stated
            raise OSError("the connection ended early")
        return content


@contextmanager
def _ended_after(seconds: float, connection: socket) -> Iterator[None]:
    """Shut a connection down when the time is over, however slowly the server goes on sending."""

    def end() -> None:
        with suppress(OSError):
            connection.shutdown(SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _encrypted(connection: socket, host: str) -> ssl.SSLSocket:
    return _certificates().wrap_socket(connection, server_hostname=host)


@cache
def _certificates() -> ssl.SSLContext:
    return ssl.create_default_context()
