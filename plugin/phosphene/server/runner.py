"""One process that serves: a port that is open from the first moment, a model, an end in good order."""

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn

from phosphene.embedding import open_embedder
from phosphene.embedding.names import parse
from phosphene.errors import PhospheneError, ServerError
from phosphene.server import Limits, app
from phosphene.server.connection import BACKLOG, Connection
from phosphene.server.log import log, settings
from phosphene.server.metrics import Metrics
from phosphene.server.vectorizer import Vectorizer

KEEP_ALIVE = 120  # seconds; Go, in which Weaviate is written, lets connections idle for 90


def serve(
    space: str,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    device: str = "auto",
    token: str = "",
    allowed_hosts: Sequence[str] = (),
    limits: Limits | None = None,
    quiet: bool = False,
    on_ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve a space until SIGTERM or Ctrl-C; what is being answered then is answered first.

    Port 0 takes a free one. `allowed_hosts` are the names by which clients call the service, beside `host`
    and the loopback interface's. `on_ready` is told the address once the model is loaded, in another thread.
    Raises ServerError where the port cannot be had, and ModelError where the model cannot.
    """
    parse(space)  # what names no space is said before a port is opened
    limits = limits or Limits()
    listener = listen(host, port)
    vectorizer = Vectorizer(limits, Metrics())
    application = app.create(vectorizer, token=token, hosts=(host, *allowed_hosts))
    server = uvicorn.Server(configuration(application, limits, quiet=quiet))
    failures: list[PhospheneError] = []

    def load() -> None:
        started = time.monotonic()
        try:
            vectorizer.load(open_embedder(space, device=device))
            log.info(
                "loaded", extra={"fields": {"space": space, "seconds": round(time.monotonic() - started, 2)}}
            )
            on_ready(address(listener))
        except PhospheneError as error:
            failures.append(error)
        finally:
            server.should_exit = server.should_exit or not vectorizer.embedder

    # A thread that nobody waits for: it may be downloading when the service is told to end.
    threading.Thread(target=load, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # uvicorn raises it again when all is done
    server.run(sockets=[listener])
    if failures:
        raise failures[0]


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ServerError where the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        # Python adds the address to the system's words, which are said here once.
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (")[0].lower()
        hint = "`--port 0` takes a free one; `--host 0.0.0.0` listens to every address of this machine"
        raise ServerError(f"cannot listen at `{host}:{port}`: {reason}", hint) from error


def address(listener: socket.socket) -> str:
    """Where a socket listens, as a URL."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def configuration(application: Any, limits: Limits, *, quiet: bool = False) -> uvicorn.Config:
    """How uvicorn runs the app."""
    return uvicorn.Config(
        application,
        loop="asyncio",  # whose transports `Connection` knows
        http=Connection,
        backlog=BACKLOG,
        log_config=settings(quiet=quiet),
        access_log=False,  # ours says more
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=round(limits.shutdown_timeout),
    )
