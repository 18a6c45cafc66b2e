"""What goes wrong between here and a Weaviate, sorted by what helps: another node, patience, or a person.

The client raises many kinds for one cause, and tells causes apart mostly in words; the kinds and the
words are those of client 4.23 and server 1.39, each provoked in `tests/test_weaviate.py` or named in
the server's sources.
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
    WeaviateTimeoutError,
)

from phosphene.keys import masked

# gone: the node does not answer, another one may. slow: it took too long. passing: it cannot now, but
# may soon. final: it would say the same again.
Kind = Literal["gone", "slow", "passing", "final"]

DENIED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, 401, 403)
LATE = (grpc.StatusCode.DEADLINE_EXCEEDED, 504)
AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, 502, 503)
LONGEST = 300  # letters of a server's reason

PASSING = (
    (r"read-only|READONLY", "its disk is full, or somebody made it so: make room, and look at its shards"),
    (r"not enough memory", "the server is out of memory: give it more, or quantise its vectors"),
    (r"replicas|consistency level|no active memtables", "too few nodes answer: look at `/v1/nodes`"),
    (
        r"leader not found|not ready|starting up|status code: 503",
        "the server is starting: try again in a minute",
    ),
)
FINAL = (
    (r"vector lengths don't match|vector with length|inconsistent vector", "another model made its vectors"),
    (r"tenant", "name the tenant as `tenant=` in the address"),
)


class Silent(Exception):
    """No answer, or none that a Weaviate would give, where the address says that one is."""


class Unanswered(Exception):
    """No answer within the deadline, from a server that is there."""


class Unwritten(Exception):
    """Objects that a server did not take."""


class Denied(Exception):
    """A key that a server does not know, or that may not do this."""


# What may come out of a question to a server.
ERRORS = (WeaviateBaseError, httpx.HTTPError, grpc.RpcError, Silent, Unanswered, Unwritten, Denied)


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as a person is told it."""

    kind: Kind
    reason: str
    hint: str

    @classmethod
    def of(cls, error: BaseException) -> "Fault":
        """Sort an error of ERRORS."""
        code, reason = _code(error), _reason(error)
        if isinstance(error, Denied | InsufficientPermissionsError) or code in DENIED:
            return cls("final", reason, "set WEAVIATE_API_KEY to a key that may read and write there")
        for words, hint in PASSING:
            if re.search(words, reason):
                return cls("passing", reason, hint)
        if isinstance(error, Silent | httpx.HTTPError) or code in AWAY:
            hint = "is the server running there, and is it this host and port?"
            return cls("gone", reason, hint + (" `grpc=` in the address" if "gRPC port" in reason else ""))
        if isinstance(error, Unanswered | WeaviateTimeoutError) or code in LATE:
            hint = "the server is busy, or the way to it slow: `timeout=30` in the address waits longer"
            return cls("slow", reason, hint)
        for words, hint in FINAL:
            if re.search(words, reason):
                return cls("final", reason, hint)
        return cls("final", reason, "the server's own log may say more")


def _code(error: BaseException | None) -> object:
    """The status of gRPC or HTTP behind an error: the client raises its own kinds over it."""
    while error is not None:
        if isinstance(error, UnexpectedStatusCodeError):
            return error.status_code
        if isinstance(error, grpc.RpcError) and hasattr(error, "code"):
            return error.code()
        error = error.__cause__ or error.__context__
    return None


def _reason(error: BaseException) -> str:
    """What it says, in one line, without the client's own words around it."""
    text = " ".join((masked(str(error)) or type(error).__name__).split())
    details = re.search(r'details = "(.*?)" debug_error', text)
    text = re.sub(r"^Query call with protocol .*? failed with message ", "", details[1] if details else text)
    return text.rstrip(".")[:LONGEST]
