"""The errors between phosphene and a Weaviate server, sorted by what helps against them.

The client raises many kinds of errors for one cause, and mostly only their texts tell causes apart. The kinds
and texts here are those of client 4.23 and server 1.39. Each was provoked in `tests/test_weaviate.py`, or
comes from the server's source code.
"""

import re
from dataclasses import dataclass
from typing import Literal

import grpc
import httpx
from weaviate.exceptions import (
    InsufficientPermissionsError,
    UnexpectedStatusCodeError,
    WeaviateBaseError,
    WeaviateConnectionError,
    WeaviateTimeoutError,
)

from phosphene.keys import masked

# unreachable: this node does not answer, but another one may. timeout: the answer took too long.
# transient: the server cannot do it now, but may do it soon. permanent: it would refuse it again.
ProblemKind = Literal["unreachable", "timeout", "transient", "permanent"]

DENIED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, 401, 403)
TIMED_OUT = (grpc.StatusCode.DEADLINE_EXCEEDED, 504)
UNREACHABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, 502, 503)
MAX_REASON = 300  # letters of a server's reason that an error shows

TRANSIENT = (  # words in a server's reason, and the hint for them
    (
        r"read-only|READONLY",
        "make room on the server's disk if it is full, and set its shards from read-only to READY",
    ),
    (r"not enough memory", "give the server more memory, or quantise its vectors"),
    (r"replicas|consistency level|no active memtables", "look at `/v1/nodes`, because too few nodes answer"),
    (
        r"leader not found|not ready|starting up|status code: 503",
        "try again in a minute, because the server is starting",
    ),
)
PERMANENT = (
    (
        r"vector lengths don't match|vector with length|inconsistent vector",
        "use the model that made the vectors of this collection, or another collection",
    ),
    (r"requires inverted index", "let the server index the words of this property: set `indexSearchable`"),
    (r"tenant", "name the tenant in the address as `tenant=NAME`"),
)


class Unreachable(Exception):
    """The endpoint of an address does not answer, or it is not a Weaviate."""


class RequestTimeout(Exception):
    """A server did not answer within the timeout."""


class WriteRejected(Exception):
    """The server refused some objects."""


class AccessDenied(Exception):
    """The server does not know the key, or the key does not allow this."""


# The errors that a request to a server may raise.
ERRORS = (
    WeaviateBaseError,
    httpx.HTTPError,
    grpc.RpcError,
    Unreachable,
    RequestTimeout,
    WriteRejected,
    AccessDenied,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """An error of a server for people: its reason, and a hint that helps."""

    kind: ProblemKind
    reason: str
    hint: str

    @classmethod
    def of(cls, error: BaseException) -> "Problem":
        """The problem behind one of ERRORS."""
        code, reason = _code(error), _reason(error)
        if isinstance(error, AccessDenied | InsufficientPermissionsError) or code in DENIED:
            return cls("permanent", reason, "set WEAVIATE_API_KEY to a key that may read and write there")
        for words, hint in TRANSIENT:
            if re.search(words, reason):
                return cls("transient", reason, hint)
        if isinstance(error, Unreachable | WeaviateConnectionError | httpx.HTTPError) or code in UNREACHABLE:
            port = ", which `grpc=` in the address names" if "gRPC port" in reason else ""
            hint = f"check that the server is running there, and that host and port{port} are right"
            return cls("unreachable", reason, hint)
        if isinstance(error, RequestTimeout | WeaviateTimeoutError) or code in TIMED_OUT:
            hint = "wait longer with `timeout=30` in the address, since the server or the network is slow"
            return cls("timeout", reason, hint)
        for words, hint in PERMANENT:
            if re.search(words, reason):
                return cls("permanent", reason, hint)
        return cls("permanent", reason, "look into the log of the server")


def _code(error: BaseException | None) -> object:
    """The gRPC or HTTP status of an error, which the client wraps in its own errors."""
    while error is not None:
        if isinstance(error, UnexpectedStatusCodeError):
            return error.status_code
        if isinstance(error, grpc.RpcError) and hasattr(error, "code"):
            return error.code()
        error = error.__cause__ or error.__context__
    return None


def _reason(error: BaseException) -> str:
    """The text of an error in one line, without the client's own words around it."""
    text = " ".join((masked(str(error)) or type(error).__name__).split())
    details = re.search(r'details = "(.*?)" debug_error', text)
    text = re.sub(r"^Query call with protocol .*? failed with message ", "", details[1] if details else text)
    return text.rstrip(".")[:MAX_REASON]
