"""The middleware around the app: it checks hosts and the token, normalises paths, and logs every request.

Weaviate joins an address and a path as plain text, so that it may request `//vectorize`. It follows no
redirect and sends no header, so a token can only be part of the path.
"""

import asyncio
import hmac
import re
import time
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phosphene.server import MIB
from phosphene.server.error_responses import RequestError, error_response, escaped
from phosphene.server.hosts import AllowedHosts
from phosphene.server.logging_config import log
from phosphene.server.metrics import Metrics

PATHS = ("/.well-known/live", "/.well-known/ready", "/meta", "/vectorize", "/metrics")
OPEN_PATHS = PATHS[:2]  # these need no token: supervisors only learn from them that the service runs
SLASHES = re.compile("//+")
DISCARD_SIZE = 128 * MIB  # bytes of a refused body that are still read
DISCARD_TIMEOUT = 5.0  # seconds for which they are read


class AccessMiddleware:
    """ASGI middleware. If there is a token, all paths but the two health checks lie below `/k/TOKEN`."""

    def __init__(self, app: ASGIApp, *, token: str, hosts: AllowedHosts, metrics: Metrics) -> None:
        self.app, self.hosts, self.metrics = app, hosts, metrics
        self.prefix = f"/k/{token}" if token else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on under its normalised path, then log how it went."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status, body = time.monotonic(), 500, _Body(scope, receive)
        path = self._normalised(scope["path"])
        inner: Scope = {**scope, "path": path, "raw_path": path.encode(), "state": {}}

        async def send_response(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            if status >= 400 and status != 408:
                await body.discard()
            await send(message)

        try:
            self.hosts.check(scope)
            await self.app(inner, body, send_response)
        except RequestError as error:
            await error_response(error.status, error.message)(inner, body, send_response)
        finally:
            self._log(inner, status, time.monotonic() - started)

    def _normalised(self, path: str) -> str:
        """The path without the token, double slashes and a trailing slash; `/` if the token is wrong."""
        path = SLASHES.sub("/", path).rstrip("/") or "/"
        if not self.prefix:
            return path
        given, rest = path[: len(self.prefix)], path[len(self.prefix) :]
        if hmac.compare_digest(given.encode(), self.prefix.encode()) and rest.startswith("/"):
            return rest
        return path if path in OPEN_PATHS else "/"  # so that a token with a typing error is not logged

    def _log(self, scope: Scope, status: int, seconds: float) -> None:
        known = scope["path"] if scope["path"] in PATHS else "other"
        self.metrics.requests.labels(known, status).inc()
        self.metrics.request_seconds.labels(known).observe(seconds)
        client = scope.get("client")
        fields = {
            "client": client[0] if client else "",
            "method": escaped(scope["method"]),
            "path": escaped(scope["path"]),
            "status": status,
            "seconds": round(seconds, 4),
            **scope["state"],
        }
        log.info("request", extra={"fields": fields})


class _Body:
    """Counts what is received of a body, and knows whether more is to come."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.receive, self.more = receive, True
        # A client that sends `Expect` sends its body only after it has had our response.
        self.expects = any(name == b"expect" for name, _ in scope["headers"])

    async def __call__(self) -> Message:
        message = await self.receive()
        self.more, self.expects = message.get("more_body", False), False
        return message

    async def discard(self) -> None:
        """Read the rest. A client that is cut off while it writes would never read the response."""
        size = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_TIMEOUT):
                while self.more and not self.expects and size < DISCARD_SIZE:
                    size += len((await self()).get("body", b""))
