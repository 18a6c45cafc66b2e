"""phosphene as a service: the CLIP module that a Weaviate server calls over HTTP.

    connection ─► middleware ─► bodies ─► schemas ─► pictures ──────► batcher ─────────► response
    timeouts      hosts         memory    JSON       one thread       one forward pass
                  token         speed     limits     for each core    for many requests

Weaviate sends one request for each object, and many at once. Pictures are decoded outside the model's
thread. Whatever has been decoded when a forward pass ends goes into the next pass together. Pictures are
prepared as `add` prepares them, so that a picture has the same vector whoever asks for it.

Clients may be hostile. Everything that a request can cost is limited, and the limit is checked before the
cost arises. Requests take turns, so that a large one does not keep small ones waiting. The event loop only
does what takes milliseconds, so that `/.well-known/live` always answers.
"""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for, and what all of them together may."""

    max_body: int = 32 * MIB  # bytes of a request; base64 takes 4 bytes for 3 of a file
    max_total_body: int = 512 * MIB  # bytes of all requests that are being answered
    body_timeout: float = 10.0  # seconds that a body may take,
    min_body_rate: int = 64 << 10  # and one second more for each so many bytes that have come
    max_pixels: int = 64_000_000  # of a picture; each takes 4 bytes in memory, several times over
    large_pixels: int = 16_000_000  # a picture with more is decoded alone, rather than one on each core
    max_text: int = 64 << 10  # characters of a text; models read the first 300 or so
    max_items: int = 256  # texts and pictures of one request
    max_queue: int = 512  # texts and pictures of all requests that have no vector yet
    batch_size: int = 32  # texts or pictures in a forward pass
    batch_wait: float = 0.004  # seconds that a pass waits for more items, while some are on their way
    answer_timeout: float = 45.0  # seconds; Weaviate hangs up after 50 (MODULES_CLIENT_TIMEOUT)
    shutdown_timeout: float = 30.0  # seconds for the requests in flight when the service is told to stop
    max_connections: int = 1024  # twice `max_queue`, so that connections that wait for vectors never fill it
    head_timeout: float = 10.0  # seconds for a request line and its headers
    write_timeout: float = 30.0  # seconds for a client to read its response
    keep_alive: int = 120  # seconds; Weaviate, written in Go, keeps idle connections for 90
