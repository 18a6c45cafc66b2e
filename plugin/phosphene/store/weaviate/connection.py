"""A Weaviate to ask: the first of an address's endpoints that answers, the next one when it falls silent.

The client by itself tries a closed gRPC port for 63 s before it says so, and knows one node. Here each
question runs in a thread that can be given up: when its time is over, and as soon as its node fails a
health check while it waits. Giving up closes the client, so that nothing is sent later. Every
question may come twice, and so must change nothing the second time.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Waiting
from functools import cached_property
from typing import Any, TypeVar

import grpc
import httpx
import weaviate
from weaviate.classes.config import ConsistencyLevel
from weaviate.classes.init import AdditionalConfig, Auth, Timeout
from weaviate.collections import Collection

from phosphene.errors import StoreError
from phosphene.keys import masked, weaviate_key
from phosphene.store.weaviate.address import Address, Endpoint
from phosphene.store.weaviate.collection import base, bearer
from phosphene.store.weaviate.failures import ERRORS, Denied, Fault, Silent, Unanswered

Answer = TypeVar("Answer")
Question = Callable[[weaviate.WeaviateClient], Answer]

LOOK = (0.25, 1.0)  # seconds until the first look after a node that is slow to answer, and between looks
HEALTH = 2.0  # seconds for a node to say that it is well: it takes 1 ms, so that a loaded one has time
PAUSES = (0.1, 2.0)  # seconds before the second try, and at most: each pause is twice the one before
REPEATS = (
    2  # of a question that a healthy node did not answer in time: one of its replicas may just have died
)


class Connection:
    """The way to the server of an address. It opens at the first question, and again when it broke."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._client: weaviate.WeaviateClient | None = None
        self._current = 0  # of the endpoints
        self._lock = threading.RLock()

    def ask(self, deed: str, question: Question[Answer]) -> Answer:
        """The answer of the first endpoint that gives one; `deed` says what for, as in `cannot search`.

        What may pass is tried again until the address's timeout is over; a question that took too long
        gets as much time again, twice. Raises StoreError that says what is wrong and what helps.
        """
        until, pause, tries, late = time.monotonic() + self.address.timeout, PAUSES[0], 0, 0
        while True:
            tries += 1
            try:
                return self._once(question)
            except ERRORS as error:
                fault = Fault.of(error)
                late += fault.kind == "slow"
                over = late > REPEATS or time.monotonic() + pause > until + late * self.address.timeout
                if fault.kind == "final" or over:
                    raise StoreError(f"cannot {deed} `{self.address}`: {fault.reason}", fault.hint) from error
                if fault.kind == "gone" and tries < len(self.address.endpoints):
                    continue  # another one may answer at once
            time.sleep(pause)
            pause = min(2 * pause, PAUSES[1])

    def ask_collection(self, deed: str, question: Any) -> Any:
        """The same of the address's collection, in its tenant and at its consistency."""
        return self.ask(deed, lambda client: question(self._collection(client)))

    @cached_property
    def version(self) -> tuple[int, int]:
        """The server's version, as (1, 39)."""
        said = self.ask("reach", lambda client: client.get_meta()["version"])
        major, minor = said.split(".")[:2]
        return int(major), int(minor)

    def close(self) -> None:
        """Let go of the server; the next question comes back to it."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None

    # ── how it is done ────────────────────────────────────────────────────────────────────

    def _collection(self, client: weaviate.WeaviateClient) -> Collection[Any, Any]:
        found = client.collections.use(self.address.collection)
        if self.address.tenant:
            found = found.with_tenant(self.address.tenant)
        if self.address.consistency:
            found = found.with_consistency_level(ConsistencyLevel(self.address.consistency.upper()))
        return found

    def _once(self, question: Question[Answer]) -> Answer:
        """One try, at the endpoint whose turn it is. A node that fell silent loses its turn."""
        with self._lock:
            endpoint = self.address.endpoints[self._current]
            client = self._client
        try:
            if client is None:
                client = self._open(endpoint)
            return self._within(client, endpoint, question)
        except ValueError as error:  # what gRPC raises on a client that another thread gave up
            if client is self._client:
                raise
            raise Silent("the connection was given up") from error
        except ERRORS as error:
            if Fault.of(error).kind in ("gone", "slow"):
                self._give_up(client)
            raise

    def _open(self, endpoint: Endpoint) -> weaviate.WeaviateClient:
        """A client of an endpoint that is healthy and takes our key."""
        with self._lock:
            if self._client is None:
                _look_at_rest(self.address, endpoint)
                _look_at_grpc(self.address, endpoint)
                self._client = _client(self.address, endpoint)
                self._client.connect()
            return self._client

    def _give_up(self, client: weaviate.WeaviateClient | None) -> None:
        """Close a client, so that what it still waits for cannot come late, and go to the next endpoint."""
        with self._lock:
            if client is self._client:  # else another thread was faster
                self.close()
                self._current = (self._current + 1) % len(self.address.endpoints)

    def _within(
        self, client: weaviate.WeaviateClient, endpoint: Endpoint, question: Question[Answer]
    ) -> Answer:
        """The answer, awaited for no longer than it may take and the node is well."""
        answer: Future[Answer] = Future()
        threading.Thread(target=_settle, args=(answer, question, client), daemon=True).start()
        until, look = time.monotonic() + self.address.timeout, LOOK[0]
        while (left := until - time.monotonic()) > 0:
            try:
                return answer.result(min(look, left))
            except Waiting:
                if answer.done():
                    raise
                _look_at_grpc(self.address, endpoint)
                look = LOOK[1]
        raise Unanswered(f"no answer within {self.address.timeout:g} s")


def _settle(answer: "Future[Any]", question: Question[Any], client: weaviate.WeaviateClient) -> None:
    """Answer a question, or hand on whatever it raised to the one who waits."""
    try:
        answer.set_result(question(client))
    except BaseException as error:
        answer.set_exception(error)


def _client(address: Address, endpoint: Endpoint) -> weaviate.WeaviateClient:
    key, wait = weaviate_key(), address.timeout
    return weaviate.WeaviateClient(
        weaviate.connect.ConnectionParams.from_params(
            http_host=endpoint.bracketed,
            http_port=endpoint.rest,
            http_secure=address.secure,
            grpc_host=endpoint.bracketed,
            grpc_port=endpoint.grpc,
            grpc_secure=address.secure,
        ),
        auth_client_secret=Auth.api_key(key) if key else None,
        additional_config=AdditionalConfig(timeout=Timeout(init=wait, query=wait, insert=wait)),
        skip_init_checks=True,  # they ask the package index for a newer client, and end badly without it
    )


def _look_at_rest(address: Address, endpoint: Endpoint) -> None:
    """Raises where no Weaviate answers, or it does not take our key."""
    url = f"{base(endpoint, address.secure)}/v1/meta"
    try:
        answer = httpx.get(
            url, headers=bearer(), timeout=address.timeout, trust_env=False, verify=address.secure
        )
    except httpx.HTTPError as error:
        raise Silent(f"{endpoint.bracketed}:{endpoint.rest} does not answer ({_named(error)})") from error
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise Denied(
            f"it refuses {'the key' if weaviate_key() else 'everyone without a key'} ({answer.status_code})"
        )
    if not answer.is_success:
        raise Silent(f"{endpoint.bracketed}:{endpoint.rest} answers with the status {answer.status_code}")


def _look_at_grpc(address: Address, endpoint: Endpoint) -> None:
    """Raises where gRPC does not answer as a server that is well."""
    target = f"{endpoint.bracketed}:{endpoint.grpc}"
    with (
        grpc.secure_channel(target, grpc.ssl_channel_credentials())
        if address.secure
        else grpc.insecure_channel(target)
    ) as channel:
        try:
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            check(b"", timeout=min(HEALTH, address.timeout))  # an empty message: the server as a whole
        except grpc.RpcError as error:
            raise Silent(f"the gRPC port {endpoint.grpc} of {endpoint.host} does not answer") from error


def _named(error: Exception) -> str:
    return masked(str(error)) or type(error).__name__
