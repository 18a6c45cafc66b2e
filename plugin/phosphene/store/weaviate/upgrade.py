"""Upgrading a collection from formats 1 and 2, see `maintenance.upgrading`.

Objects are patched one by one. Replacing them whole would be faster and would lose what another program keeps
beside our properties.
"""

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from weaviate.exceptions import UnexpectedStatusCodeError

from phosphene.batches import batched
from phosphene.fields import NAMES, known
from phosphene.filters import GENERATED, OF_FORMAT_1, Compare, Not, all_of, any_of
from phosphene.recipes.description import with_fields
from phosphene.records import Image
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.collection import CollectionSchema, schema_diff
from phosphene.store.weaviate.conditions import condition, usable
from phosphene.store.weaviate.connection import Connection
from phosphene.store.weaviate.objects import image_of_object
from phosphene.store.weaviate.reader import Reader

if TYPE_CHECKING:
    from weaviate.collections import Collection

MAX_RESULTS = 10_000  # objects that a server gives at once: QUERY_MAXIMUM_RESULTS
PATCH_BATCH = 100  # objects in one call, which takes a third of a second
# The objects of format 1, and those that lack the fields of their recipes, since every recipe has its steps.
OLD = any_of(OF_FORMAT_1, all_of(GENERATED, Not(Compare("steps", ">=", 0))))
ACTIVE = ("ACTIVE", "HOT")  # states of a tenant whose objects can be written


def upgrade_objects(address: Address) -> bool:
    """Add the properties that are missing, say `imported` for `training`, and describe generated images.

    Returns False if the collection has tenants that are not active, because their objects are out of reach.
    """
    _upgrade_schema(address)
    tenants = _tenants(address)
    reachable = [name for name, active in tenants.items() if active]
    for each in [replace(address, tenant=name) for name in reachable] if tenants else [address]:
        _upgrade_objects(each)
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


def _upgrade_objects(address: Address) -> None:
    connection, done = Connection(address), set[str]()
    reader = Reader(connection, ["origin", "recipe", *NAMES], PATCH_BATCH)
    try:
        # A replica that lags may return an object again. An object that was patched is not patched again.
        while ids := set(connection.request_collection("read", _old_ids)) - done:
            for batch in batched(sorted(ids), PATCH_BATCH):
                images = list(map(image_of_object, reader.by_id(batch)))
                connection.request_collection("written", lambda found, images=images: _patch(found, images))
            done |= ids
    finally:
        connection.close()


def _old_ids(found: "Collection[Any, Any]") -> list[str]:
    answer = found.query.fetch_objects(
        filters=condition(usable(OLD)), limit=MAX_RESULTS, return_properties=[]
    )
    return [str(each.uuid) for each in answer.objects]


def _patch(found: "Collection[Any, Any]", images: list[Image]) -> None:
    for image in images:
        described = with_fields(image) if image.origin == "generated" else image
        try:
            found.data.update(image.id, properties={"origin": image.origin, **known(described.fields)})
        except UnexpectedStatusCodeError as error:
            if error.status_code != HTTPStatus.NOT_FOUND:  # it was removed meanwhile
                raise


def _upgrade_schema(address: Address) -> None:
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
