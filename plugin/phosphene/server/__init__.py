"""phosphene as a service: the CLIP module that a Weaviate server calls, over HTTP.

    connection ─► gate ─► bodies ─► wire ─► decode ──────────► batches ───────► answer
    time, number  host    room      JSON    a thread per core  one forward pass
                  token   speed     limits  one picture each   of many requests

Weaviate sends one request per object, many at once. Decoding is done outside of the model's thread,
and what is ready when a forward pass ends goes into the next one together. Pictures are prepared as
`add` prepares them, so that a vector is the same whoever asked for it.

Clients may be hostile. Everything that a request may cost is limited, and checked before it costs;
requests take turns, so that a large one does not keep small ones waiting; and the event loop only does
what takes milliseconds, so that `/.well-known/live` always answers.
"""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request, and what all of them together, may ask for."""

    body: int = 32 * MIB  # bytes of a request; base64 takes 4 for 3 of a file
    bodies: int = 512 * MIB  # bytes of all requests that are being answered
    grace: float = 10.0  # seconds for a body to come,
    rate: int = 64 << 10  # and a second more for so many bytes of it
    pixels: int = 64_000_000  # of a picture; in memory it takes 4 bytes for each, several times
    large: int = 16_000_000  # pixels of a picture that is decoded alone, rather than one on each core
    text: int = 64 << 10  # characters of a text; models read the first 300 or so
    items: int = 256  # texts and pictures of a request
    waiting: int = 512  # texts and pictures that have no vector yet, of all requests
    batch: int = 32  # texts or pictures of a forward pass
    gather: float = 0.004  # seconds that a pass waits for more, while more are on their way
    patience: float = 45.0  # seconds for an answer; Weaviate hangs up after 50 (MODULES_CLIENT_TIMEOUT)
    drain: float = 30.0  # seconds for the requests in flight when the service is told to end
