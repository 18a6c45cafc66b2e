"""The registry of a server: which of its collections are libraries, and of which space.

It is a collection `PhospheneLibrary` with an object for each library. To a collection this object is what
`library.json` is to a folder. It is separate so that the collection itself is as `schemas/image.json` says.
It is written before the collection is made. A collection without it is not a library, unless it is empty and
was made by `phosphene schema apply`.
"""

import uuid
from typing import Any

import httpx

from phosphene.errors import LibraryError, StoreError
from phosphene.manifest import Manifest
from phosphene.store import image_schema
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.collection import CollectionSchema, schema_diff, wanted
from phosphene.store.weaviate.rest import content, request

REGISTRY = "PhospheneLibrary"
IDS = uuid.UUID("5b0f7c52-3f0e-5b62-9d7f-6c1f1f0f6a55")  # the namespace of the objects' ids


def registered(address: Address) -> Manifest | None:
    """The manifest of the library at an address, or None if there is none yet.

    Raises LibraryError if the collection is not a library, and StoreError if no server answers.
    """
    _refuse_registry(address)
    settings = CollectionSchema(address).read()
    if settings is None:
        return None
    _refuse_tenancy(address, settings)
    manifest = _manifest(address)
    exists = _tenant_exists(address)
    if manifest is None and (_has_other_settings(address, settings) or (exists and not _is_empty(address))):
        raise LibraryError(
            f"`{address}` is a collection of another program, not a library.",
            hint="name another collection, or read this one as it is: "
            f"`{address}?vector=NAME&image=PROPERTY&caption=PROPERTY&model=MODEL`",
        )
    return manifest if exists else None


def register(address: Address, manifest: Manifest) -> None:
    """Make the library at an address, or its missing parts. If two processes do it, the first one wins."""
    _refuse_registry(address)
    collection = CollectionSchema(address)
    exists = collection.read() is not None
    if not _post_object(address, manifest) and not exists:
        _put_object(address, manifest)  # the object was left over from a collection that was dropped
    if not exists:
        _create(collection, wanted(address))
    if not _tenant_exists(address):
        response = request(address, "POST", _tenants(address), [{"name": address.tenant}])
        content(address, response)


def register_again(address: Address, manifest: Manifest) -> None:
    """Replace the manifest of a library that is registered, after its format was upgraded."""
    _put_object(address, manifest)


def _refuse_registry(address: Address) -> None:
    if address.collection == REGISTRY:
        raise LibraryError(
            f"`{REGISTRY}` is the collection in which phosphene keeps the list of libraries.",
            hint="name another collection",
        )


def _refuse_tenancy(address: Address, settings: dict[str, Any]) -> None:
    """Raise LibraryError if the collection has tenants and the address names none, or the reverse."""
    multi_tenant = bool(settings.get("multiTenancyConfig", {}).get("enabled"))
    if multi_tenant != (address.tenant is not None):
        wrong, hint = (
            ("has tenants, and the address names none", "name one: `?tenant=NAME`")
            if multi_tenant
            else ("was made without tenants", "leave out `tenant=`, or name another collection")
        )
        raise LibraryError(f"The collection of `{address}` {wrong}.", hint)


def _manifest(address: Address) -> Manifest | None:
    response = request(address, "GET", _object(address))
    if response.status_code == httpx.codes.NOT_FOUND:
        return None
    text = content(address, response)["properties"]["manifest"]
    return Manifest.parse(text.encode(), str(address))


def _post_object(address: Address, manifest: Manifest) -> bool:
    """Write the object unless it exists. Returns whether it was written."""
    if request(address, "GET", f"/v1/schema/{REGISTRY}").status_code == httpx.codes.NOT_FOUND:
        posted = image_schema.collection("library")
        posted["replicationConfig"]["factor"] = address.replicas or 1
        _create(CollectionSchema(address), posted)
    response = request(address, "POST", f"/v1/objects{_consistency(address)}", _body(address, manifest))
    if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY and "already exists" in response.text:
        return False
    content(address, response)
    return True


def _put_object(address: Address, manifest: Manifest) -> None:
    content(address, request(address, "PUT", _object(address), _body(address, manifest)))


def _create(collection: CollectionSchema, posted: dict[str, Any]) -> None:
    """Make a collection, unless another process was faster."""
    try:
        collection.create(posted)
    except StoreError as error:
        if "already exists" not in error.message:
            raise


def _body(address: Address, manifest: Manifest) -> dict[str, Any]:
    properties = {"collection": address.collection, "manifest": manifest.text}
    return {"class": REGISTRY, "id": _id(address), "properties": properties}


def _id(address: Address) -> str:
    return str(uuid.uuid5(IDS, address.collection))


def _object(address: Address) -> str:
    return f"/v1/objects/{REGISTRY}/{_id(address)}{_consistency(address)}"


def _consistency(address: Address) -> str:
    return f"?consistency_level={address.consistency.upper()}" if address.consistency else ""


def _tenants(address: Address) -> str:
    return f"/v1/schema/{address.collection}/tenants"


def _tenant_exists(address: Address) -> bool:
    """Whether the tenant of the address exists, or the address names none."""
    if address.tenant is None:
        return True
    response = request(address, "GET", f"{_tenants(address)}/{address.tenant}")
    return response.status_code != httpx.codes.NOT_FOUND


def _has_other_settings(address: Address, settings: dict[str, Any]) -> bool:
    return any(not each.mutable for each in schema_diff(address, settings))


def _is_empty(address: Address) -> bool:
    tenant = f"&tenant={address.tenant}" if address.tenant else ""
    response = request(address, "GET", f"/v1/objects?class={address.collection}&limit=1{tenant}")
    return not content(address, response)["objects"]
