"""A connection to Weaviate that fails over to the next endpoint of an address when one stops answering.

The client tries a closed gRPC port for 63 s before it reports an error, and it knows only one node. Here,
each call runs in a thread. It is abandoned when its time is over, or as soon as its node fails a health
check. Abandoning a call closes the client, so that nothing is sent later. A call may be made more than once,
so it must change nothing the second time.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillWaiting
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
from phosphene.store.weaviate.problems import ERRORS, AccessDenied, Problem, RequestTimeout, Unreachable
from phosphene.store.weaviate.rest import auth_header, base_url

T = TypeVar("T")
Call = Callable[[weaviate.WeaviateClient], T]

FIRST_HEALTH_CHECK = 0.25  # seconds that a call may take before its node is checked
HEALTH_INTERVAL = 1.0  # seconds between two checks after that
HEALTH_TIMEOUT = 2.0  # seconds that a health check may take: it takes 1 ms, or more on a loaded node
BACKOFF, MAX_BACKOFF = 0.1, 2.0  # seconds before the second try; each pause is twice the one before
TIMEOUT_RETRIES = 2  # after a timeout on a healthy node: one of its replicas may just have died


class Connection:
    """The connection to the server of an address. It opens at the first call, and again after it broke."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._client: weaviate.WeaviateClient | None = None
        self._current = 0  # the number of the endpoint in use
        self._lock = threading.RLock()

    def request(self, done: str, call: Call[T]) -> T:
        """Make a call on the first endpoint that answers, and return its result.

        `done` names the call in errors, as in `cannot be searched`. After a transient problem, the call is
        made again until the timeout of the address is over. A call that takes too long is tried twice more.
        Raises StoreError that says what is wrong and what helps.
        """
        until, pause, tries, timeouts = time.monotonic() + self.address.timeout, BACKOFF, 0, 0
        while True:
            tries += 1
            try:
                return self._try(call)
            except ERRORS as error:
                problem = Problem.of(error)
                timeouts += problem.kind == "timeout"
                allowed = until + timeouts * self.address.timeout
                over = timeouts > TIMEOUT_RETRIES or time.monotonic() + pause > allowed
                if problem.kind == "permanent" or over:
                    message = f"`{self.address}` cannot be {done}: {problem.reason}."
                    raise StoreError(message, problem.hint) from error
                if problem.kind == "unreachable" and tries < len(self.address.endpoints):
                    continue  # another endpoint may answer at once
            time.sleep(pause)
            pause = min(2 * pause, MAX_BACKOFF)

    def request_collection(self, done: str, call: Any) -> Any:
        """Make a call on the address's collection, in its tenant and with its consistency level."""
        return self.request(done, lambda client: call(self._collection(client)))

    @cached_property
    def version(self) -> tuple[int, int]:
        """The server's version, such as (1, 39)."""
        version = self.request("reached", lambda client: client.get_meta()["version"])
        major, minor = version.split(".")[:2]
        return int(major), int(minor)

    def close(self) -> None:
        """Close the connection. The next call opens it again."""
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

    def _try(self, call: Call[T]) -> T:
        """Make a call once. If the endpoint is unreachable or too slow, the next one becomes current."""
        with self._lock:
            endpoint = self.address.endpoints[self._current]
            client = self._client
        try:
            if client is None:
                client = self._open(endpoint)
            return self._result(client, endpoint, call)
        except ValueError as error:  # gRPC raises this on a client that another thread abandoned
            if client is self._client:
                raise
            raise Unreachable("the connection was closed") from error
        except ERRORS as error:
            if Problem.of(error).kind in ("unreachable", "timeout"):
                self._abandon(client)
            raise

    def _open(self, endpoint: Endpoint) -> weaviate.WeaviateClient:
        """Open a client of an endpoint that is healthy and accepts the key."""
        with self._lock:
            if self._client is None:
                _check_rest(self.address, endpoint)
                _check_grpc(self.address, endpoint)
                client = _client(self.address, endpoint)
                try:
                    client.connect()
                except BaseException:
                    client.close()
                    raise
                self._client = client
            return self._client

    def _abandon(self, client: weaviate.WeaviateClient | None) -> None:
        """Close a client, so that its calls cannot finish late, and go to the next endpoint."""
        with self._lock:
            if client is self._client:  # otherwise another thread has done it
                self.close()
                self._current = (self._current + 1) % len(self.address.endpoints)

    def _result(self, client: weaviate.WeaviateClient, endpoint: Endpoint, call: Call[T]) -> T:
        """Wait for the result of a call, until its time is over or its node fails a health check."""
        result: Future[T] = Future()
        threading.Thread(target=_run, args=(result, call, client), daemon=True).start()
        until, interval = time.monotonic() + self.address.timeout, FIRST_HEALTH_CHECK
        while (left := until - time.monotonic()) > 0:
            try:
                return result.result(min(interval, left))
            except StillWaiting:
                if result.done():
                    raise
                _check_grpc(self.address, endpoint)
                interval = HEALTH_INTERVAL
        raise RequestTimeout(f"there was no answer within {self.address.timeout:g} s")


def _run(result: "Future[Any]", call: Call[Any], client: weaviate.WeaviateClient) -> None:
    """Make a call, and pass its result or its error to the thread that waits."""
    try:
        result.set_result(call(client))
    except BaseException as error:
        result.set_exception(error)


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
        skip_init_checks=True,  # they look for a newer client on PyPI, and fail without a network
    )


def _check_rest(address: Address, endpoint: Endpoint) -> None:
    """Raise Unreachable if no Weaviate answers, and AccessDenied if it does not accept the key."""
    host = f"{endpoint.bracketed}:{endpoint.rest}"
    try:
        answer = httpx.get(
            f"{base_url(endpoint, address.secure)}/v1/meta",
            headers=auth_header(),
            timeout=address.timeout,
            trust_env=False,
            verify=address.secure,
        )
    except httpx.HTTPError as error:
        raise Unreachable(f"{host} does not answer ({_named(error)})") from error
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        refused = "the key" if weaviate_key() else "requests without a key"
        raise AccessDenied(f"it refuses {refused} ({answer.status_code})")
    if not answer.is_success:
        raise Unreachable(f"{host} answers with the status {answer.status_code}")


def _check_grpc(address: Address, endpoint: Endpoint) -> None:
    """Raise Unreachable if gRPC does not answer like a healthy server."""
    target = f"{endpoint.bracketed}:{endpoint.grpc}"
    with (
        grpc.secure_channel(target, grpc.ssl_channel_credentials())
        if address.secure
        else grpc.insecure_channel(target)
    ) as channel:
        try:
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            check(b"", timeout=min(HEALTH_TIMEOUT, address.timeout))  # empty: the whole server
        except grpc.RpcError as error:
            reason = f"the gRPC port {endpoint.grpc} of {endpoint.host} does not answer"
            raise Unreachable(reason) from error


def _named(error: Exception) -> str:
    return masked(str(error)) or type(error).__name__
