"""The schema of a live collection: read, made and changed through Weaviate's REST interface, as raw JSON.

The client's own round trip (`export_config().to_dict()`) writes a key that no server reads, which turns
every distance into cosine. That is why this module sends and reads JSON itself.
"""

from dataclasses import dataclass
from typing import Any

import httpx

from phosphene.store import image_schema
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.rest import Json, content, request
from phosphene.store.weaviate.schema_diff import Difference, diff, patched

MODULE = {"multi2vec-clip": {"imageFields": ["thumbnail"]}}


def wanted(address: Address, *, module: bool = False) -> dict[str, Any]:
    """`schemas/image.json` as it is posted for an address. With `module` Weaviate embeds the thumbnails."""
    posted = image_schema.collection()
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
class CollectionSchema:
    """The schema of the collection at an address, on the first of its endpoints that answers."""

    address: Address

    def read(self) -> dict[str, Any] | None:
        """Its settings with all defaults, or None if there is no collection of that name.

        Raises StoreError if no endpoint answers or the key is wrong.
        """
        response = request(self.address, "GET", self._path)
        return None if response.status_code == httpx.codes.NOT_FOUND else content(self.address, response)

    def create(self, posted: Json) -> None:
        """Make the collection. Raises StoreError with the server's reason if it cannot be made."""
        content(self.address, request(self.address, "POST", "/v1/schema", posted))

    def update(self, found: Json, differences: list[Difference]) -> None:
        """Change what differs: the properties one by one, and all other settings in one request."""
        properties = [each for each in differences if each.added and each.path[0] == "properties"]
        for each in properties:
            content(self.address, request(self.address, "POST", f"{self._path}/properties", each.wanted))
        if settings := [each for each in differences if each not in properties]:
            now = request(self.address, "GET", self._path).json() if properties else found
            content(self.address, request(self.address, "PUT", self._path, patched(now, settings)))

    @property
    def _path(self) -> str:
        return f"/v1/schema/{self.address.collection}"
