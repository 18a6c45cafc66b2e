"""Which collections of a server are libraries, and of which space: an object each in `PhospheneLibrary`.

It is to a collection what `library.json` is to a folder, and apart, so that the collection itself is
as `schemas/image.json` says. It is written before the collection is made: a collection that lacks it
is not ours, unless it is empty and made by `phosphene schema apply`.
"""

import uuid
from typing import Any

import httpx

from phosphene import schema
from phosphene.errors import LibraryError, StoreError
from phosphene.manifest import Manifest
from phosphene.store.weaviate.address import Address
from phosphene.store.weaviate.collection import Collection, content, schema_diff, wanted

COMPANION = "PhospheneLibrary"
IDS = uuid.UUID("5b0f7c52-3f0e-5b62-9d7f-6c1f1f0f6a55")  # the namespace of the objects' ids


def registered(address: Address) -> Manifest | None:
    """The manifest of the library at an address; None where none is yet.

    Raises LibraryError where the collection is not ours, and StoreError where no server answers.
    """
    _refuse_companion(address)
    settings = Collection(address).read()
    if settings is None:
        return None
    _refuse_tenancy(address, settings)
    manifest = _manifest(address)
    there = _tenant_is_there(address)
    if manifest is None and (_has_other_settings(address, settings) or (there and not _is_empty(address))):
        raise LibraryError(
            f"`{address}` is a collection of something else, not a library",
            hint="name another collection; or read this one as it is: "
            f"`{address}?vector=NAME&image=PROPERTY&caption=PROPERTY&model=MODEL`",
        )
    return manifest if there else None


def register(address: Address, manifest: Manifest) -> None:
    """Make the library at an address, or what is still missing of it. Of two makers the first one wins."""
    _refuse_companion(address)
    collection = Collection(address)
    there = collection.read() is not None
    if not _post_object(address, manifest) and not there:
        _put_object(address, manifest)  # left over from a collection that was dropped
    if not there:
        _create(collection, wanted(address))
    if not _tenant_is_there(address):
        answer = collection.ask("POST", _tenants(address), [{"name": address.tenant}])
        content(address, answer)


def _refuse_companion(address: Address) -> None:
    if address.collection == COMPANION:
        raise LibraryError(
            f"`{COMPANION}` is where phosphene keeps which collections are libraries",
            hint="name another collection",
        )


def _refuse_tenancy(address: Address, settings: dict[str, Any]) -> None:
    """Raises LibraryError where the collection has tenants and the address names none, or the reverse."""
    shared = bool(settings.get("multiTenancyConfig", {}).get("enabled"))
    if shared != (address.tenant is not None):
        wrong, hint = (
            ("has tenants", "name one: `?tenant=NAME`")
            if shared
            else ("was made without tenants", "leave out `tenant=`, or name another collection")
        )
        raise LibraryError(f"the collection of `{address}` {wrong}", hint)


def _manifest(address: Address) -> Manifest | None:
    answer = Collection(address).ask("GET", _object(address))
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None
    text = content(address, answer)["properties"]["manifest"]
    return Manifest.parse(text.encode(), str(address))


def _post_object(address: Address, manifest: Manifest) -> bool:
    """Write the object where there is none; whether there was none."""
    if Collection(address).ask("GET", f"/v1/schema/{COMPANION}").status_code == httpx.codes.NOT_FOUND:
        posted = schema.collection("library")
        posted["replicationConfig"]["factor"] = address.replicas or 1
        _create(Collection(address), posted)
    body = _body(address, manifest)
    answer = Collection(address).ask("POST", f"/v1/objects{_level(address)}", body)
    if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY and "already exists" in answer.text:
        return False
    content(address, answer)
    return True


def _put_object(address: Address, manifest: Manifest) -> None:
    content(address, Collection(address).ask("PUT", _object(address), _body(address, manifest)))


def _create(collection: Collection, posted: dict[str, Any]) -> None:
    """Make a collection, unless another process was faster."""
    try:
        collection.create(posted)
    except StoreError as error:
        if "already exists" not in error.message:
            raise


def _body(address: Address, manifest: Manifest) -> dict[str, Any]:
    properties = {"collection": address.collection, "manifest": manifest.text}
    return {"class": COMPANION, "id": _id(address), "properties": properties}


def _id(address: Address) -> str:
    return str(uuid.uuid5(IDS, address.collection))


def _object(address: Address) -> str:
    return f"/v1/objects/{COMPANION}/{_id(address)}{_level(address)}"


def _level(address: Address) -> str:
    return f"?consistency_level={address.consistency.upper()}" if address.consistency else ""


def _tenants(address: Address) -> str:
    return f"/v1/schema/{address.collection}/tenants"


def _tenant_is_there(address: Address) -> bool:
    """Whether the tenant of the address is, or it names none."""
    if address.tenant is None:
        return True
    answer = Collection(address).ask("GET", f"{_tenants(address)}/{address.tenant}")
    return answer.status_code != httpx.codes.NOT_FOUND


def _has_other_settings(address: Address, settings: dict[str, Any]) -> bool:
    return any(not each.mutable for each in schema_diff(address, settings))


def _is_empty(address: Address) -> bool:
    tenant = f"&tenant={address.tenant}" if address.tenant else ""
    answer = Collection(address).ask("GET", f"/v1/objects?class={address.collection}&limit=1{tenant}")
    return not content(address, answer)["objects"]
