"""Run the service: open the port at once, load the model, and stop in good order."""

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import uvicorn

from phosphene.embedding import open_embedder
from phosphene.embedding.model_names import parse
from phosphene.errors import PhospheneError, ServerError
from phosphene.records import Precision
from phosphene.server import Limits, routes
from phosphene.server.http_protocol import BACKLOG, LimitedH11Protocol
from phosphene.server.inference import Vectorizer
from phosphene.server.logging_config import log, logging_config
from phosphene.server.metrics import Metrics


def serve(
    model: str,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    device: str = "auto",
    precision: Precision | None = None,
    token: str = "",
    allowed_hosts: Sequence[str] = (),
    limits: Limits | None = None,
    quiet: bool = False,
    on_ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve a model until SIGTERM or Ctrl-C. Requests that have begun are answered first.

    Port 0 stands for any free port. Clients may call the service by the names in `allowed_hosts`, by `host`,
    and by the names of the loopback interface. Once the model is loaded, `on_ready` is called with the
    service's URL, in another thread. Raises ServerError if the port cannot be opened, and ModelError if the
    model cannot be loaded.
    """
    parse(model)  # raises ModelError for a wrong name before a port is opened
    limits = limits or Limits()
    listener = listen(host, port)
    vectorizer = Vectorizer(limits, Metrics())
    application = routes.create(vectorizer, token=token, hosts=(host, *allowed_hosts))
    server = uvicorn.Server(uvicorn_config(application, limits, quiet=quiet))
    failures: list[PhospheneError] = []

    def load() -> None:
        started = time.monotonic()
        try:
            vectorizer.load(open_embedder(model, device=device, precision=precision))
            fields = {"model": model, "seconds": round(time.monotonic() - started, 2)}
            log.info("loaded", extra={"fields": fields})
            on_ready(url_of(listener))
        except PhospheneError as error:
            failures.append(error)
        finally:
            server.should_exit = server.should_exit or not vectorizer.embedder

    # A daemon thread, since it may still be downloading when the service is told to stop.
    threading.Thread(target=load, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # uvicorn raises it again when all is done
    server.run(sockets=[listener])
    if failures:
        raise failures[0]


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket. Raises ServerError if the address is taken or not one of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        # Python adds the address to the system's message, and we name it already.
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (")[0].lower()
        hint = "use `--port 0` for a free port, or `--host 0.0.0.0` for every address of this machine"
        raise ServerError(f"The service cannot listen at `{host}:{port}`: {reason}.", hint) from error


def url_of(listener: socket.socket) -> str:
    """The URL at which a socket listens."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def uvicorn_config(application: Any, limits: Limits, *, quiet: bool = False) -> uvicorn.Config:
    """The settings with which uvicorn runs the app."""
    protocol: Any = partial(LimitedH11Protocol, limits=limits)
    return uvicorn.Config(
        application,
        loop="asyncio",  # `LimitedH11Protocol` relies on its transports
        http=protocol,
        backlog=BACKLOG,
        log_config=logging_config(quiet=quiet),
        access_log=False,  # our own log says more
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=limits.keep_alive,
        timeout_graceful_shutdown=round(limits.shutdown_timeout),
    )
