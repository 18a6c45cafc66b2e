"""`phosphene schema show`, `check` and `apply` deal with the schema of a Weaviate collection."""

import json
from shlex import quote
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from phosphene.cli.options import Settings, command, helpful
from phosphene.cli.output import Column
from phosphene.cli.streams import write
from phosphene.errors import LibraryError
from phosphene.keys import masked

if TYPE_CHECKING:
    from phosphene.store.weaviate.address import Address
    from phosphene.store.weaviate.schema_diff import Difference

MODULE = click.option("--module", is_flag=True, help="Let Weaviate's multi2vec-clip embed the thumbnails.")
ADDRESS = click.argument("address", metavar="[ADDRESS]", required=False)
UNNAMED = "weaviate://localhost/Image"  # gives the schema exactly as it is in its file


def _value(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value)


DIFFERENCES = (
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

    phosphene has one schema, in a file that Weaviate accepts unchanged. -L can name the address, too.
    """


@command("show")
@ADDRESS
@MODULE
def show(settings: Settings, address: str | None, module: bool) -> None:
    """Print the schema that phosphene sends to the server.

      phosphene schema show
      phosphene schema show "weaviate://localhost/Photos?replicas=3" --module

    The command contacts no server. Without an address the collection is called Image.
    """
    from phosphene.store.weaviate.address import Address, is_address
    from phosphene.store.weaviate.collection import wanted

    named = address or (settings.library if is_address(settings.library or "") else None)
    posted = wanted(Address.parse(named or UNNAMED), module=module)
    write(json.dumps(posted, indent=None if settings.json else 2) + "\n")


@command("check")
@ADDRESS
@MODULE
@click.pass_context
def check(context: click.Context, settings: Settings, address: str | None, module: bool) -> None:
    """Compare a live collection with the schema, and exit with 1 if they differ.

      phosphene schema check weaviate://localhost/Photos
      phosphene -L weaviate://localhost/Photos schema check --json

    Additional properties of the collection are not differences. The number of replicas and the module
    are compared only if the address or --module asks for them.
    """
    from phosphene.store.weaviate.address import Address
    from phosphene.store.weaviate.collection import CollectionSchema, schema_diff

    text = _named(settings, address)
    place, fix = Address.parse(text), f"`phosphene schema apply {quote(text)}`"
    found = CollectionSchema(place).read()
    if found is None:
        raise LibraryError(f"There is no collection at `{place}`.", hint=f"{fix} makes it")
    differences = schema_diff(place, found, module=module)
    settings.output.rows([_record(each) for each in differences], DIFFERENCES, key="path")
    if differences:
        settings.output.note(f"{_counted(differences)}; {fix} changes those that Weaviate can change")
        context.exit(1)
    settings.output.note(f"`{place}` agrees with the schema")


@command("apply")
@ADDRESS
@MODULE
def apply(settings: Settings, address: str | None, module: bool) -> None:
    """Make a collection, or change an existing one to agree with the schema.

      phosphene schema apply "weaviate://localhost/Photos?replicas=3"
      phosphene schema apply weaviate://localhost/Photos --module

    Missing properties and named vectors are added, and settings are changed if Weaviate can change them.
    For the others the command prints the steps to a new collection, and exits with 1.
    """
    from phosphene.store.weaviate.address import Address
    from phosphene.store.weaviate.collection import CollectionSchema, schema_diff, wanted

    text, output = _named(settings, address), settings.output
    place = Address.parse(text)
    collection = CollectionSchema(place)
    found = collection.read()
    if found is None:
        collection.create(wanted(place, module=module))
        output.summary(f"made `{place}`", {"created": True, "changed": [], "fixed": []})
        return
    differences = schema_diff(place, found, module=module)
    mutable = [each for each in differences if each.mutable]
    fixed = [each for each in differences if not each.mutable]
    if mutable:
        collection.update(found, mutable)
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
    """The address that the command was given, or otherwise the library of -L."""
    from phosphene.config import default_library
    from phosphene.store.weaviate.address import is_address

    text = given or settings.library or default_library()
    if not is_address(text):
        raise LibraryError(
            f"`{masked(text)}` is not an address of Weaviate, and only its collections have a schema.",
            hint="pass an address such as `weaviate://HOST/Collection`, here or with -L",
        )
    return text


def _record(difference: "Difference") -> dict[str, Any]:
    return {
        "path": str(difference),
        "wanted": difference.wanted,
        "found": difference.found,
        "mutable": difference.mutable,
    }


def _counted(differences: "list[Difference]") -> str:
    return "1 setting differs" if len(differences) == 1 else f"{len(differences):,} settings differ"


def _said(place: "Address", changed: "list[Difference]", fixed: "list[Difference]") -> str:
    if not changed:
        return f"nothing in `{place}` can be changed" if fixed else f"`{place}` agrees with the schema"
    return "\n".join(f"{'added' if each.added else 'changed'} {each}" for each in changed)


def _stuck(text: str, fixed: "list[Difference]") -> LibraryError:
    """The error for settings that Weaviate never changes. Its hint has the steps to a new collection."""
    old = urlsplit(text)
    new = old._replace(path=old.path.rstrip("/") + "2")
    settings = "; ".join(f"{each}: {_value(each.found)}, not {_value(each.wanted)}" for each in fixed)
    body = json.dumps({"class": new.path.strip("/")})
    return LibraryError(
        f"Weaviate cannot change these settings of an existing collection: {settings}.",
        hint="make a new collection and copy the old one into it:\n"
        f"  phosphene schema apply {quote(new.geturl())}\n"
        f"  phosphene copy {quote(text)} {quote(new.geturl())}\n"
        f"then use the new one; PUT /v1/aliases/ALIAS {body} moves an alias that other programs use",
    )


for _command in (show, check, apply):
    schema.add_command(_command)
