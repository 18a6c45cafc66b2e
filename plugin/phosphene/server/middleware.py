"""Around the whole app: who may ask, paths made plain, the token, and a line of log for every request.

Weaviate joins addresses by putting one text behind the other, so that `//vectorize` is asked for; it
follows no redirect and sends no header, so that a token can only be a part of the path.
"""

import asyncio
import hmac
import re
import time
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phosphene.server import MIB, errors
from phosphene.server.errors import Refusal, shown
from phosphene.server.hosts import Hosts
from phosphene.server.log import log
from phosphene.server.metrics import Metrics

PATHS = ("/.well-known/live", "/.well-known/ready", "/meta", "/vectorize", "/metrics")
OPEN = PATHS[:2]  # what runs a service asks these, and learns only that it runs
SLASHES = re.compile("//+")
REST = 128 * MIB  # bytes of a refused request that are still taken in,
REST_SECONDS = 5.0  # within so many seconds


class Gate:
    """ASGI middleware. With a token, all but the two health paths lie below `/k/TOKEN`."""

    def __init__(self, app: ASGIApp, *, token: str, hosts: Hosts, metrics: Metrics) -> None:
        self.app, self.hosts, self.metrics = app, hosts, metrics
        self.prefix = f"/k/{token}" if token else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through on its plain path, and say afterwards how it went."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status, body = time.monotonic(), 500, _Body(scope, receive)
        path = self._plain(scope["path"])
        inner: Scope = {**scope, "path": path, "raw_path": path.encode(), "state": {}}

        async def answering(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            if status >= 400 and status != 408:
                await body.discard()
            await send(message)

        try:
            self.hosts.check(scope)
            await self.app(inner, body, answering)
        except Refusal as refusal:
            await errors.answer(refusal.status, refusal.message)(inner, body, answering)
        finally:
            self._note(inner, status, time.monotonic() - started)

    def _plain(self, path: str) -> str:
        """The path without double and trailing slashes and without the token; `/` where that is wrong."""
        path = SLASHES.sub("/", path).rstrip("/") or "/"
        if not self.prefix:
            return path
        given, rest = path[: len(self.prefix)], path[len(self.prefix) :]
        if hmac.compare_digest(given.encode(), self.prefix.encode()) and rest.startswith("/"):
            return rest
        return path if path in OPEN else "/"  # a token that is nearly right comes into no log

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        known = scope["path"] if scope["path"] in PATHS else "other"
        self.metrics.requests.labels(known, status).inc()
        self.metrics.request_seconds.labels(known).observe(seconds)
        client = scope.get("client")
        fields = {
            "client": client[0] if client else "",
            "method": shown(scope["method"]),
            "path": shown(scope["path"]),
            "status": status,
            "seconds": round(seconds, 4),
            **scope["state"],
        }
        log.info("request", extra={"fields": fields})


class _Body:
    """What is received of a request's body, and whether more is to come."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.receive, self.more = receive, True
        # Such a client sends nothing before it has our answer.
        self.waits = any(name == b"expect" for name, _ in scope["headers"])

    async def __call__(self) -> Message:
        message = await self.receive()
        self.more, self.waits = message.get("more_body", False), False
        return message

    async def discard(self) -> None:
        """Take in the rest: a client that is cut off while it writes never reads the answer."""
        size = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(REST_SECONDS):
                while self.more and not self.waits and size < REST:
                    size += len((await self()).get("body", b""))
