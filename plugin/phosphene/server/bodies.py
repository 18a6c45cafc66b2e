"""The bodies of requests: how much memory they may take together, and how fast each must come.

Only bytes that have arrived count. When the memory is full, the body that has been arriving for longest is
dropped, so that slow clients cannot keep others out, however many they are.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from fastapi import Request
from starlette.requests import ClientDisconnect

from phosphene.server import MIB, Limits
from phosphene.server.error_responses import CLOSE_CONNECTION, RETRY_SOON, RequestError


@dataclass(slots=True)
class BodyShare:
    """The bytes that one request holds."""

    size: int = 0


class BodyBuffer:
    """The memory that the bodies of all requests share, for one event loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.held = 0  # bytes
        self.arriving: dict[asyncio.Timeout, BodyShare] = {}  # by deadline, the oldest first

    @contextmanager
    def share(self) -> Iterator[BodyShare]:
        """Give one body its share, and take it back at the end."""
        share = BodyShare()
        try:
            yield share
        finally:
            self.held -= share.size

    async def read(self, request: Request, share: BodyShare) -> bytearray:
        """Read a whole body. Raises RequestError if it is too large or too slow, or if there is no room."""
        limits, body = self.limits, bytearray()
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > limits.max_body:
            size = f"{int(length) / MIB:.1f} MiB"
            raise RequestError(413, f"The body has {size}, and {limits.max_body / MIB:g} MiB are allowed.")
        try:
            async with asyncio.timeout(limits.body_timeout) as deadline:
                await self._receive(request, share, body, deadline)
        except TimeoutError as error:
            sent = f"{len(body):,} bytes within {limits.body_timeout:g} s or more"
            raise RequestError(408, f"The body came too slowly: {sent}.", CLOSE_CONNECTION) from error
        except ClientDisconnect as error:
            raise RequestError(400, "The client hung up before it had sent the body.") from error
        finally:
            self.arriving.pop(deadline, None)
        return body

    async def _receive(
        self, request: Request, share: BodyShare, body: bytearray, deadline: asyncio.Timeout
    ) -> None:
        limits = self.limits
        self.arriving[deadline] = share
        started = asyncio.get_running_loop().time()
        async for chunk in request.stream():
            self._make_room(len(chunk), deadline)
            body += chunk
            share.size += len(chunk)
            self.held += len(chunk)
            if len(body) > limits.max_body:
                raise RequestError(413, f"The body is larger than {limits.max_body / MIB:g} MiB.")
            if deadline in self.arriving:
                deadline.reschedule(started + limits.body_timeout + len(body) / limits.min_body_rate)

    def _make_room(self, size: int, own: asyncio.Timeout) -> None:
        """Drop the oldest arriving bodies until `size` bytes fit. Raises RequestError if they never do."""
        most = self.limits.max_total_body
        while self.held + size > most:
            oldest = next(iter(self.arriving), own)
            if oldest is own:
                message = f"Requests of {most / MIB:g} MiB are being answered already."
                raise RequestError(429, message, RETRY_SOON)
            share = self.arriving.pop(oldest)
            self.held, share.size = self.held - share.size, 0
            with suppress(RuntimeError):  # its deadline has passed already
                oldest.reschedule(asyncio.get_running_loop().time())
