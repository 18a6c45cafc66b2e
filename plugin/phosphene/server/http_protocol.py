"""The protocol of one client's connection: uvicorn's own, with limits on time and size.

uvicorn waits forever for the head of a request, accepts as many connections as come, and parses a body
patiently even if it is sent byte by byte. It answers a broken request in plain text. This
connection limits all of that, and answers in JSON.
"""

import asyncio
import json
import resource
import socket
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from phosphene.server import Limits

BACKLOG = 128  # connections that the system keeps for us, and that one turn of the event loop accepts
RESERVED_FILES = BACKLOG + 64  # file descriptors for the backlog, the model and the log
MAX_HEAD = 16 << 10  # bytes of a request line and its headers; Weaviate's have about 200
READ_SIZE = 32 << 10  # bytes that are read at a time; parsing any 32 KiB takes less than 0.1 s
FREE_CHUNKS = 1000  # chunks of a body that may have any size
MIN_CHUNK = 256  # bytes that further chunks must have on average, because h11 takes 30 µs for each chunk


class Parser(h11.Connection):
    """h11, but it refuses a body that comes in very many small chunks."""

    chunks = size = 0

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return the next event. Raises RemoteProtocolError if the chunks of a body are too small."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            self.chunks = self.size = 0
        elif isinstance(event, h11.Data):
            self.chunks, self.size = self.chunks + 1, self.size + len(event.data)
            if self.chunks > FREE_CHUNKS + self.size / MIN_CHUNK:
                raise h11.RemoteProtocolError("the chunks of the body are too small")
        return event


def connection_limit(wanted: int) -> int:
    """How many connections may be open at once: `wanted`, or fewer if this process may open fewer files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, max(16, soft - RESERVED_FILES))


class LimitedH11Protocol(H11Protocol):
    """One client's connection. When too many are open, the one that has been idle longest is closed."""

    def __init__(self, *arguments: Any, limits: Limits, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.limits, self.limit = limits, connection_limit(limits.max_connections)
        self.conn = Parser(h11.SERVER, MAX_HEAD)
        self.idle_since = self.loop.time()
        self.answered = False  # whether it ever had a response
        self.head_timer: asyncio.TimerHandle | None = None
        self.write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a new connection, or answer that there are too many."""
        # asyncio sets TCP_NODELAY only on listeners whose `proto` is TCP, and Python's own listeners have 0.
        # Without it, the second half of a response waits 40 ms for the client's acknowledgement.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.max_size = READ_SIZE  # type: ignore[attr-defined]
        transport.set_write_buffer_limits(0)  # call `pause_writing` whenever a response waits for its client
        super().connection_made(transport)
        if self._make_room():
            self._expect_head()
        else:
            self._refuse(503, "Too many connections are open. Try again in a second.")

    def data_received(self, data: bytes) -> None:
        """Take what came. Once the head of a request has begun, it must be complete in time."""
        if self.conn.their_state is h11.IDLE and not self.head_timer:
            self._expect_head()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_head_timer()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self.idle_since, self.answered = self.loop.time(), True
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Give the client a while to read its response."""
        super().pause_writing()
        self.write_timer = self.loop.call_later(self.limits.write_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client has read its response."""
        self._stop_write_timer()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers."""
        self._stop_head_timer()
        self._stop_write_timer()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, and a head that is too long."""
        self._refuse(400, f"This is not an HTTP/1.1 request, or its head has more than {MAX_HEAD >> 10} KiB.")

    def is_idle(self) -> bool:
        """Whether the service waits for the client, so that closing the connection loses no work."""
        working = self.cycle and not self.cycle.response_complete and not self.cycle.more_body
        return not working or self.flow.write_paused

    def _make_room(self) -> bool:
        """Whether there is room for this connection. If not, the one that has been idle longest is closed.

        Connections that never had a response are closed first: Weaviate keeps those that had one.
        """
        others = [
            one
            for one in self.connections
            if isinstance(one, LimitedH11Protocol) and one is not self and not one.transport.is_closing()
        ]
        if len(others) < self.limit:
            return True
        idle = [one for one in others if one.is_idle()]
        if idle:
            min(idle, key=lambda one: (one.answered, one.idle_since)).transport.abort()
        return bool(idle)

    def _should_upgrade(self) -> bool:
        return False  # uvicorn itself would log two warnings for each request that asks to upgrade

    def _expect_head(self) -> None:
        self.idle_since = self.loop.time()
        self.head_timer = self.loop.call_later(self.limits.head_timeout, self._on_late_head)

    def _stop_head_timer(self) -> None:
        if self.head_timer:
            self.head_timer.cancel()
        self.head_timer = None

    def _stop_write_timer(self) -> None:
        if self.write_timer:
            self.write_timer.cancel()
        self.write_timer = None

    def _on_late_head(self) -> None:
        if self.conn.trailing_data[0]:
            self._refuse(408, f"The head of the request did not come within {self.limits.head_timeout:g} s.")
        else:
            self.transport.close()

    def _refuse(self, status: int, message: str) -> None:
        """Respond without the app, and close. A response that has begun is left as it is."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = json.dumps({"error": message}).encode()
            headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
            head = h11.Response(status_code=status, headers=[*headers, ("connection", "close")])
            for event in (head, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        if self.cycle and not self.cycle.response_complete:
            self.cycle.disconnected = True  # so that the app does not respond as well
            self.cycle.message_event.set()
        self.transport.close()
