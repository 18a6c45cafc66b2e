"""The bodies of requests: how many bytes of them are held, and how fast each must come.

Only what has come takes room. Where there is none left, the body that has been on its way for longest
gives way, so that slow clients cannot keep others out, however many they are.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from fastapi import Request
from starlette.requests import ClientDisconnect

from phosphene.server import MIB, Limits
from phosphene.server.errors import CLOSE, SOON, Refusal


@dataclass(slots=True)
class Place:
    """What one request holds."""

    size: int = 0


class Bodies:
    """The room that all requests share; for one event loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.held = 0  # bytes
        self.coming: dict[asyncio.Timeout, Place] = {}  # of the bodies on their way, the oldest first

    @contextmanager
    def place(self) -> Iterator[Place]:
        """A place for one body, given back at the end."""
        place = Place()
        try:
            yield place
        finally:
            self.held -= place.size

    async def read(self, request: Request, place: Place) -> bytearray:
        """A whole body. Raises Refusal where it is too large, too slow, or there is no room for it."""
        limits, body = self.limits, bytearray()
        said = request.headers.get("content-length", "")
        if said.isdecimal() and int(said) > limits.max_body:
            raise Refusal(
                413, f"the body has {int(said) / MIB:.1f} MiB; {limits.max_body / MIB:g} are allowed"
            )
        try:
            async with asyncio.timeout(limits.body_timeout) as deadline:
                await self._received(request, place, body, deadline)
        except TimeoutError as error:
            message = (
                f"the body came too slowly: {len(body):,} bytes within {limits.body_timeout:g} s or more"
            )
            raise Refusal(408, message, CLOSE) from error
        except ClientDisconnect as error:
            raise Refusal(400, "the client hung up before its body had come") from error
        finally:
            self.coming.pop(deadline, None)
        return body

    async def _received(
        self, request: Request, place: Place, body: bytearray, deadline: asyncio.Timeout
    ) -> None:
        self.coming[deadline] = place
        started = asyncio.get_running_loop().time()
        async for chunk in request.stream():
            self._make_room(len(chunk), deadline)
            body += chunk
            place.size += len(chunk)
            self.held += len(chunk)
            if len(body) > self.limits.max_body:
                raise Refusal(413, f"the body is larger than {self.limits.max_body / MIB:g} MiB")
            if deadline in self.coming:
                deadline.reschedule(
                    started + self.limits.body_timeout + len(body) / self.limits.min_body_rate
                )

    def _make_room(self, size: int, own: asyncio.Timeout) -> None:
        """Let the oldest bodies on their way give way, if need be. Raises Refusal where there is no other."""
        while self.held + size > self.limits.max_total_body:
            oldest = next(iter(self.coming), own)
            if oldest is own:
                raise Refusal(
                    429, f"{self.limits.max_total_body / MIB:g} MiB of requests are being answered", SOON
                )
            place = self.coming.pop(oldest)
            self.held, place.size = self.held - place.size, 0
            with suppress(RuntimeError):  # its time is up already
                oldest.reschedule(asyncio.get_running_loop().time())
