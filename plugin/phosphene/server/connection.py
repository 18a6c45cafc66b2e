"""A connection: uvicorn's own, with a limit on how long and how much a client may keep it waiting.

uvicorn waits for ever for a request's head, takes as many connections as come, and parses a body that
is sent byte by byte as patiently as any other. It answers what is no HTTP in plain text.
"""

import asyncio
import json
import resource
import socket
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

BACKLOG = 128  # connections that the system keeps for us, and that are accepted in one turn of the loop
SPARE = BACKLOG + 64  # file descriptors for those before they are counted, for the model's and the log's
MOST = 1024  # connections: twice the texts and pictures that may wait, so that working ones never fill it
HEAD_BYTES = 16 << 10  # of a request line and its headers; Weaviate's have about 200
HEAD_SECONDS = 10.0  # for a request line and its headers
ANSWER_SECONDS = 30.0  # for a client to read its answer
PIECE = 32 << 10  # bytes that are read at a time; parsing so much takes less than 0.1 s, whatever it is
CRUMBS = 1000  # pieces of a body that may be of any size,
CRUMB = 256  # and what they must have on average beyond that: h11 takes 30 µs for each


class Parser(h11.Connection):
    """h11 that takes no body in crumbs."""

    pieces = size = 0

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """The next thing that came. Raises RemoteProtocolError where it is not worth taking."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            self.pieces = self.size = 0
        elif isinstance(event, h11.Data):
            self.pieces, self.size = self.pieces + 1, self.size + len(event.data)
            if self.pieces > CRUMBS + self.size / CRUMB:
                raise h11.RemoteProtocolError("a body in crumbs")
        return event


def room() -> int:
    """How many connections may be open at once: fewer than this process may have files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(16, min(MOST, soft - SPARE))


class Connection(H11Protocol):
    """One client's connection. Of `most`, the one that has waited longest gives way to a new one."""

    most = room()
    head_seconds = HEAD_SECONDS
    answer_seconds = ANSWER_SECONDS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.conn = Parser(h11.SERVER, HEAD_BYTES)
        self.since = self.loop.time()  # when it last began to wait for its client
        self.answered = False  # whether it ever had an answer
        self.head_timer: asyncio.TimerHandle | None = None
        self.answer_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection in, or say that there is no room."""
        # asyncio does this only where the listener's `proto` is said, and Python's own listeners leave it
        # at 0. Without it, the second half of an answer waits 40 ms for the client's acknowledgement.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.max_size = PIECE  # type: ignore[attr-defined]
        transport.set_write_buffer_limits(0)  # tell us whenever an answer waits for its client
        super().connection_made(transport)
        if self._has_room():
            self._expect_head()
        else:
            self._refuse(503, "too many connections are open; come again in a second")

    def data_received(self, data: bytes) -> None:
        """Take what came. A head that has begun must be whole in time."""
        if self.conn.their_state is h11.IDLE and not self.head_timer:
            self._expect_head()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self.head_timer = _off(self.head_timer)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self.since, self.answered = self.loop.time(), True
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Wait a while for the client to read its answer."""
        super().pause_writing()
        self.answer_timer = self.loop.call_later(self.answer_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the answer is on its way."""
        self.answer_timer = _off(self.answer_timer)
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.head_timer, self.answer_timer = _off(self.head_timer), _off(self.answer_timer)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or too much of it."""
        self._refuse(400, f"no HTTP/1.1 request, or a head of more than {HEAD_BYTES >> 10} KiB")

    def waits(self) -> bool:
        """Whether it waits for its client, so that nobody's work is lost when it is closed."""
        working = self.cycle and not self.cycle.response_complete and not self.cycle.more_body
        return not working or self.flow.write_paused

    def _has_room(self) -> bool:
        """Whether there is room for this connection, which the one that has waited longest makes if need be.

        One that never had an answer goes before one that had: Weaviate keeps such connections.
        """
        others = [
            one
            for one in self.connections
            if isinstance(one, Connection) and one is not self and not one.transport.is_closing()
        ]
        if len(others) < self.most:
            return True
        waiting = [one for one in others if one.waits()]
        if waiting:
            min(waiting, key=lambda one: (one.answered, one.since)).transport.abort()
        return bool(waiting)

    def _should_upgrade(self) -> bool:
        return False  # uvicorn itself would log two warnings for each that asks

    def _expect_head(self) -> None:
        self.since = self.loop.time()
        self.head_timer = self.loop.call_later(self.head_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        if self.conn.trailing_data[0]:
            self._refuse(408, f"the request's head was not there within {self.head_seconds:g} s")
        else:
            self.transport.close()

    def _refuse(self, status: int, message: str) -> None:
        """Answer without the app, and close. An answer that has begun is left as it is."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = json.dumps({"error": message}).encode()
            headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
            head = h11.Response(status_code=status, headers=[*headers, ("connection", "close")])
            for event in (head, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        if self.cycle and not self.cycle.response_complete:
            self.cycle.disconnected = True  # so that the app does not answer, too
            self.cycle.message_event.set()
        self.transport.close()


def _off(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Stop a timer; what is left is none."""
    if timer:
        timer.cancel()
    return None
