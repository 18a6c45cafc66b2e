"""Runs the inference service in a thread of the test, on a real port with a real model."""

import base64
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn
from PIL.Image import Image as Picture

from phosphene.embedding import Cut, Embedded, Embedder
from phosphene.errors import VectorError
from phosphene.records import Space
from phosphene.server import Limits, routes
from phosphene.server.inference import Vectorizer
from phosphene.server.metrics import Metrics
from phosphene.server.runner import listen, url_of, uvicorn_config
from phosphene.vectors import Pixels, Vectors

TIMEOUT = 60.0  # seconds; the machine may be busy with other things


class Service:
    """A running service, and a client of it."""

    def __init__(self, url: str, vectorizer: Vectorizer) -> None:
        self.url, self.vectorizer = url, vectorizer
        self.client = httpx.Client(base_url=url, timeout=TIMEOUT, limits=httpx.Limits(max_connections=64))

    def vectorize(self, **asked: Any) -> dict[str, Any]:
        """The vectors of `texts` and `images`."""
        answer = self.client.post("/vectorize", json=asked)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refused(self, status: int, **asked: Any) -> str:
        """Post a request that must be refused, and return the reason."""
        answer = self.client.post("/vectorize", json=asked)
        assert answer.status_code == status, answer.text
        return str(answer.json()["error"])

    def connect(self, sent: bytes = b"") -> socket.socket:
        """A raw connection for a client that writes HTTP itself."""
        host, port = self.url.removeprefix("http://").split(":")
        connection = socket.create_connection((host, int(port)), timeout=TIMEOUT)
        connection.sendall(sent)
        return connection

    def metric(self, name: str, **labels: str) -> float:
        """A number in `/metrics`, or 0 if it was never counted."""
        wanted = name + (
            "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}" if labels else ""
        )
        for line in self.client.get("/metrics").text.splitlines():
            if line.startswith(f"{wanted} "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def wait_for(self, name: str, value: float) -> None:
        """Wait until a number in `/metrics` is at least this high."""
        wait(lambda: self.metric(name) >= value)


class Held:
    """An embedder whose forward passes wait for `go`. It fails on black pictures."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder, self.go = embedder, threading.Event()
        self.go.set()
        self.passes: list[int] = []

    @property
    def space(self) -> Space:
        return self.embedder.space

    def texts(self, texts: Sequence[str]) -> Vectors:
        return self.embedder.texts(texts)

    def cut(self, text: str) -> Cut | None:
        return self.embedder.cut(text)

    def prepare(self, picture: Picture) -> Pixels:
        return self.embedder.prepare(picture)

    def pictures(self, prepared: Sequence[Pixels]) -> Embedded:
        assert self.go.wait(TIMEOUT)
        self.passes.append(len(prepared))
        if any(not pixels.any() for pixels in prepared) and len(self.passes) > 1:  # the first one loads
            raise VectorError("A vector has no direction, because its length is zero or not finite.")
        return self.embedder.pictures(prepared)


@contextmanager
def serving(
    embedder: Embedder | None, *, token: str = "", hosts: Sequence[str] = (), **limits: Any
) -> Iterator[Service]:
    """Serve on a free port. There may be no model at first."""
    vectorizer, listener = Vectorizer(Limits(**limits), Metrics()), listen("127.0.0.1", 0)
    if embedder:
        vectorizer.load(embedder)
    application = routes.create(vectorizer, token=token, hosts=hosts)
    server = uvicorn.Server(uvicorn_config(application, vectorizer.limits, quiet=True))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    service = Service(url_of(listener), vectorizer)
    thread.start()
    try:
        wait(lambda: server.started)
        yield service
    finally:
        service.client.close()
        server.should_exit = True
        thread.join(TIMEOUT)
    assert not thread.is_alive()


def wait(ready: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + TIMEOUT
    while not ready():
        assert time.monotonic() < end, "it never was"
        time.sleep(0.02)


def base64_of(content: bytes) -> str:
    """Encode a file as Weaviate sends it."""
    return base64.b64encode(content).decode()
