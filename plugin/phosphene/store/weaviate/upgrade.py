"""Upgrading the objects of a collection from format 1, which calls the origin of added images `training`.

Objects are patched one by one. Replacing them whole would be faster and would lose what another program keeps
beside our properties.
"""

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from weaviate.exceptions import UnexpectedStatusCodeError

from phosphene.batches import batched
from phosphene.filters import OF_FORMAT_1
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.collection import CollectionSchema, schema_diff
from phosphene.store.weaviate.conditions import condition
from phosphene.store.weaviate.connection import Connection

if TYPE_CHECKING:
    from weaviate.collections import Collection

MAX_RESULTS = 10_000  # objects that a server gives at once: QUERY_MAXIMUM_RESULTS
PATCH_BATCH = 100  # objects in one call, which takes a third of a second
ACTIVE = ("ACTIVE", "HOT")  # states of a tenant whose objects can be written


def upgrade_objects(address: Address) -> bool:
    """Say `imported` in every object that says `training`, and in the collection's own description.

    Returns False if the collection has tenants that are not active, because their objects are out of reach.
    """
    tenants = _tenants(address)
    reachable = [name for name, active in tenants.items() if active]
    for each in [replace(address, tenant=name) for name in reachable] if tenants else [address]:
        _rename_origins(each)
    _bring_schema_up_to_date(address)
    return len(reachable) == len(tenants)


def _tenants(address: Address) -> dict[str, bool]:
    """The tenants of the collection, and whether each is active. Empty if the collection has no tenants."""
    if address.tenant is None:
        return {}
    connection = Connection(address)
    try:
        found = connection.request(
            "read", lambda client: client.collections.use(address.collection).tenants.get()
        )
    finally:
        connection.close()
    return {name: tenant.activity_status.name in ACTIVE for name, tenant in found.items()}


def _rename_origins(address: Address) -> None:
    connection, done = Connection(address), set[str]()
    try:
        # A replica that lags may return an object again. An object that was patched is not patched again.
        while ids := set(connection.request_collection("read", _old_ids)) - done:
            for batch in batched(sorted(ids), PATCH_BATCH):
                connection.request_collection("written", lambda found, batch=batch: _patch(found, batch))
            done |= ids
    finally:
        connection.close()


def _old_ids(found: "Collection[Any, Any]") -> list[str]:
    answer = found.query.fetch_objects(
        filters=condition(OF_FORMAT_1), limit=MAX_RESULTS, return_properties=[]
    )
    return [str(each.uuid) for each in answer.objects]


def _patch(found: "Collection[Any, Any]", ids: list[str]) -> None:
    for id in ids:
        try:
            found.data.update(id, properties={"origin": "imported"})
        except UnexpectedStatusCodeError as error:
            if error.status_code != HTTPStatus.NOT_FOUND:  # it was removed meanwhile
                raise


def _bring_schema_up_to_date(address: Address) -> None:
    """Add the properties that are missing, and describe `origin` anew; other differences are the user's."""
    collection = CollectionSchema(address)
    settings = collection.read() or {}
    changed = [
        each
        for each in schema_diff(address, settings)
        if each.path == ("properties", "origin", "description")
        or (each.added and each.path[0] == "properties")
    ]
    if changed:
        collection.update(settings, changed)
