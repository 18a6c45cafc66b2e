"""A live collection: read, made and changed over Weaviate's REST, as raw JSON.

The client's own round trip (`export_config().to_dict()`) writes a key that no server reads, and so
turns every distance into cosine; hence JSON, as it comes and goes.
"""

from dataclasses import dataclass
from typing import Any

import httpx

from phosphene import schema
from phosphene.errors import StoreError
from phosphene.keys import masked, weaviate_key
from phosphene.store.weaviate.address import Address, Endpoint
from phosphene.store.weaviate.schema_diff import Difference, Json, diff, patched

MODULE = {"multi2vec-clip": {"imageFields": ["thumbnail"]}}


def wanted(address: Address, *, module: bool = False) -> dict[str, Any]:
    """`schemas/image.json` as it is posted for an address; with `module`, Weaviate vectorises thumbnails."""
    posted = schema.collection()
    posted["class"] = address.collection
    posted["replicationConfig"]["factor"] = address.replicas or 1
    posted["multiTenancyConfig"]["enabled"] = address.tenant is not None
    if module:
        posted["vectorConfig"]["image"]["vectorizer"] = MODULE
    return posted


def schema_diff(address: Address, found: Json, *, module: bool = False) -> list[Difference]:
    """How a collection differs from the schema. A setting that the address leaves open may have any value."""
    posted = wanted(address, module=module)
    if address.replicas is None:
        del posted["replicationConfig"]
    vectorizer = found.get("vectorConfig", {}).get("image", {}).get("vectorizer")
    if not module and vectorizer == MODULE:
        del posted["vectorConfig"]["image"]["vectorizer"]
    return diff(posted, found)


@dataclass(frozen=True, slots=True)
class Collection:
    """The collection of an address, on the first of its endpoints that answers."""

    address: Address

    def read(self) -> dict[str, Any] | None:
        """Its settings with all defaults; None where there is none of that name.

        Raises StoreError where no endpoint answers, or the key is wrong.
        """
        answer = self.ask("GET", self._path)
        return None if answer.status_code == httpx.codes.NOT_FOUND else content(self.address, answer)

    def create(self, posted: Json) -> None:
        """Make it. Raises StoreError with the server's reason where it cannot be made."""
        content(self.address, self.ask("POST", "/v1/schema", posted))

    def mend(self, found: Json, differences: list[Difference]) -> None:
        """Set right what can be: properties one by one, all other settings at once."""
        properties = [each for each in differences if each.added and each.path[0] == "properties"]
        for each in properties:
            content(self.address, self.ask("POST", f"{self._path}/properties", each.wanted))
        if settings := [each for each in differences if each not in properties]:
            now = self.ask("GET", self._path).json() if properties else found
            content(self.address, self.ask("PUT", self._path, patched(now, settings)))

    @property
    def _path(self) -> str:
        return f"/v1/schema/{self.address.collection}"

    def ask(self, method: str, path: str, body: Json | list[Json] | None = None) -> httpx.Response:
        """The answer of the first endpoint that gives one, whatever its status. Raises StoreError."""
        for endpoint in self.address.endpoints:
            try:
                return httpx.request(
                    method,
                    base(endpoint, self.address.secure) + path,
                    json=body,
                    headers=bearer(),
                    timeout=self.address.timeout,
                    trust_env=False,
                    verify=self.address.secure,  # without TLS no certificates need be loaded
                )
            except httpx.HTTPError as error:
                reason = masked(str(error)) or type(error).__name__
        raise StoreError(
            f"`{self.address}` does not answer: {reason}",
            hint="is the server running there, and is it this host and port?",
        )


def base(endpoint: Endpoint, secure: bool) -> str:
    """Where the REST interface of an endpoint is."""
    return f"{'https' if secure else 'http'}://{endpoint.bracketed}:{endpoint.rest}"


def bearer() -> dict[str, str]:
    """The header that carries the key, where there is one."""
    key = weaviate_key()
    return {"Authorization": f"Bearer {key}"} if key else {}


def content(address: Address, answer: httpx.Response) -> dict[str, Any]:
    """The JSON of an answer. Raises StoreError where it is a refusal."""
    if answer.is_success:
        content: dict[str, Any] = answer.json()
        return content
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        hint = "set WEAVIATE_API_KEY to a key that may read and change its schema"
    else:
        hint = "the server's own log may say more"
    raise StoreError(f"`{address}` refuses ({answer.status_code}): {_reason(answer)}", hint)


def _reason(answer: httpx.Response) -> str:
    """What a refusal says: Weaviate writes a list of messages, a proxy anything."""
    try:
        said = "; ".join(each["message"] for each in answer.json()["error"])
    except (ValueError, LookupError, TypeError):
        said = answer.text
    return masked(said).strip()[:300] or answer.reason_phrase
