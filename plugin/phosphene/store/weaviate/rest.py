"""Requests to Weaviate's REST interface, for its schema and single objects.

The first endpoint of an address that answers is used. Images go through the client, see `connection`.
"""

from collections.abc import Mapping
from typing import Any

import httpx

from phosphene.errors import StoreError
from phosphene.keys import masked, weaviate_key
from phosphene.store.weaviate.address import Address, Endpoint

Json = Mapping[str, Any]

MAX_REASON = 300  # letters of a server's reason that an error shows


def request(
    address: Address, method: str, path: str, body: Json | list[Json] | None = None
) -> httpx.Response:
    """The response of the first endpoint that gives one, whatever its status.

    Raises StoreError if no endpoint answers.
    """
    for endpoint in address.endpoints:
        try:
            return httpx.request(
                method,
                base_url(endpoint, address.secure) + path,
                json=body,
                headers=auth_header(),
                timeout=address.timeout,
                trust_env=False,
                verify=address.secure,  # without TLS no certificates need to be loaded
            )
        except httpx.HTTPError as error:
            reason = masked(str(error)) or type(error).__name__
    raise StoreError(
        f"`{address}` does not answer: {reason}.",
        hint="check that the server is running there, and that host and port are right",
    )


def base_url(endpoint: Endpoint, secure: bool) -> str:
    """The URL of an endpoint's REST interface."""
    return f"{'https' if secure else 'http'}://{endpoint.bracketed}:{endpoint.rest}"


def auth_header() -> dict[str, str]:
    """The header that carries the key, if there is a key."""
    key = weaviate_key()
    return {"Authorization": f"Bearer {key}"} if key else {}


def content(address: Address, response: httpx.Response) -> dict[str, Any]:
    """The JSON of a response. Raises StoreError if the server refused the request."""
    if response.is_success:
        content: dict[str, Any] = response.json()
        return content
    if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        hint = "set WEAVIATE_API_KEY to a key that may read and change the schema"
    else:
        hint = "look into the log of the server"
    reason = _reason(response).rstrip(".")
    raise StoreError(f"`{address}` refuses the request ({response.status_code}): {reason}.", hint)


def _reason(response: httpx.Response) -> str:
    """The reason of a refusal. Weaviate sends a list of messages, and a proxy may send anything."""
    try:
        text = "; ".join(each["message"] for each in response.json()["error"])
    except (ValueError, LookupError, TypeError):
        text = response.text
    return masked(text).strip()[:MAX_REASON] or response.reason_phrase
