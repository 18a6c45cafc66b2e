"""Commands on the schema of a Weaviate collection: schema show, check, apply."""

import json
from shlex import quote
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from phosphene.cli.options import Settings, command, helpful
from phosphene.cli.output import Column
from phosphene.cli.streams import write
from phosphene.errors import LibraryError

if TYPE_CHECKING:
    from phosphene.store.weaviate.address import Address
    from phosphene.store.weaviate.schema_diff import Drift

MODULE = click.option("--module", is_flag=True, help="Weaviate's multi2vec-clip vectorises thumbnails.")
ADDRESS = click.argument("address", metavar="[ADDRESS]", required=False)
UNNAMED = "weaviate://localhost/Image"  # the schema as it is in its file


def _value(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value)


DRIFT = (
    Column("path", "setting"),
    Column("wanted", "wanted", _value),
    Column("found", "found", _value),
    Column("mutable", "can be changed", lambda mutable: "yes" if mutable else "no"),
)


@click.group("schema")
@helpful
def schema() -> None:
    """Show, check or apply the schema of a Weaviate collection.

      phosphene schema show
      phosphene schema check weaviate://localhost/Photos
      phosphene schema apply "weaviate://localhost/Photos?replicas=3"

    There is one schema, a file that Weaviate takes as it is. An address may also be given by -L.
    """


@command("show")
@ADDRESS
@MODULE
def show(settings: Settings, address: str | None, module: bool) -> None:
    """Print the schema as it is posted for an address.

      phosphene schema show
      phosphene schema show "weaviate://localhost/Photos?replicas=3" --module

    Asks no server. Without an address the collection is called Image.
    """
    from phosphene.store.weaviate.address import Address
    from phosphene.store.weaviate.collection import wanted

    named = address or (settings.library if Address.is_one(settings.library or "") else None)
    posted = wanted(Address.parse(named or UNNAMED), module=module)
    write(json.dumps(posted, indent=None if settings.json else 2) + "\n")


@command("check")
@ADDRESS
@MODULE
@click.pass_context
def check(context: click.Context, settings: Settings, address: str | None, module: bool) -> None:
    """Say where a live collection is other than the schema; exits 1 if it is.

      phosphene schema check weaviate://localhost/Photos
      phosphene -L weaviate://localhost/Photos schema check --json

    Properties that the collection has beside ours are no drift; nor are a number of replicas and
    the module, where neither the address nor --module asks for them.
    """
    from phosphene.store.weaviate.address import Address
    from phosphene.store.weaviate.collection import Collection, compared

    text = _named(settings, address)
    place, mend = Address.parse(text), f"`phosphene schema apply {quote(text)}`"
    found = Collection(place).read()
    if found is None:
        raise LibraryError(f"there is no collection at `{place}`", hint=f"{mend} makes it")
    drifts = compared(place, found, module=module)
    settings.output.rows([_record(each) for each in drifts], DRIFT, key="path")
    if drifts:
        settings.output.note(f"{len(drifts):,} settings differ; {mend} mends what can be")
        context.exit(1)
    settings.output.note(f"`{place}` is as the schema says")


@command("apply")
@ADDRESS
@MODULE
def apply(settings: Settings, address: str | None, module: bool) -> None:
    """Make a collection, or mend what can be mended of one that drifted.

      phosphene schema apply "weaviate://localhost/Photos?replicas=3"
      phosphene schema apply weaviate://localhost/Photos --module

    Missing properties and named vectors are added and settings changed where Weaviate changes
    them. Of what it never changes it says so, names the steps to a new collection, and exits 1.
    """
    from phosphene.store.weaviate.address import Address
    from phosphene.store.weaviate.collection import Collection, compared, wanted

    text, output = _named(settings, address), settings.output
    place = Address.parse(text)
    collection = Collection(place)
    found = collection.read()
    if found is None:
        collection.create(wanted(place, module=module))
        output.summary(f"made `{place}`", {"created": True, "changed": [], "fixed": []})
        return
    drifts = compared(place, found, module=module)
    mutable = [each for each in drifts if each.mutable]
    fixed = [each for each in drifts if not each.mutable]
    if mutable:
        collection.mend(found, mutable)
    output.summary(
        _said(place, mutable, fixed),
        {
            "created": False,
            "changed": [str(each) for each in mutable],
            "fixed": [_record(each) for each in fixed],
        },
    )
    if fixed:
        raise _stuck(text, fixed)


def _named(settings: Settings, given: str | None) -> str:
    """The address of the command, else the library of the common options."""
    from phosphene.config import default_library
    from phosphene.store.weaviate.address import Address

    text = given or settings.library or default_library()
    if not Address.is_one(text):
        raise LibraryError(
            f"`{text}` is a folder; only a server's collection has a schema to look at",
            hint="name an address, `weaviate://HOST/Collection`, here or by -L",
        )
    return text


def _record(drift: "Drift") -> dict[str, Any]:
    return {"path": str(drift), "wanted": drift.wanted, "found": drift.found, "mutable": drift.mutable}


def _said(place: "Address", changed: "list[Drift]", fixed: "list[Drift]") -> str:
    if not changed:
        return f"nothing to change in `{place}`" if fixed else f"`{place}` is as the schema says"
    return "\n".join(f"{'added' if each.added else 'changed'} {each}" for each in changed)


def _stuck(text: str, fixed: "list[Drift]") -> LibraryError:
    """What Weaviate never changes, and the way around it."""
    old = urlsplit(text)
    new = old._replace(path=old.path.rstrip("/") + "2")
    settings = "; ".join(f"{each}: {_value(each.found)}, not {_value(each.wanted)}" for each in fixed)
    body = json.dumps({"class": new.path.strip("/")})
    return LibraryError(
        f"Weaviate changes none of these on a collection that is there: {settings}",
        hint="a new collection takes the old one's place:\n"
        f"  phosphene schema apply {quote(new.geturl())}\n"
        f"  phosphene copy {quote(text)} {quote(new.geturl())}\n"
        f"then ask the new one; an alias that other programs use is moved by PUT /v1/aliases/ALIAS {body}",
    )


for _command in (show, check, apply):
    schema.add_command(_command)
