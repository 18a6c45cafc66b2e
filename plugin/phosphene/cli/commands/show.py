"""`phosphene show` prints an image with its recipe, its parents and its descendants."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.options import Settings, command, written
from phosphene.cli.output import nearby
from phosphene.cli.pictures import PROTOCOLS, preview, write_picture
from phosphene.fields import known

if TYPE_CHECKING:
    from phosphene.library import Library
    from phosphene.records import Image, Shown

# What is shown of a recipe besides the settings of the generator.
SETTINGS = ("generator", "seed", "num_inference_steps", "guidance_scale", "lane", "closeness", "strength")
IN_RECIPE = ("prompt", "model", "seed", "steps", "guidance")  # the fields that these and the caption tell


@command("show")
@click.argument("id")
@click.option("--preview", "protocol", **PROTOCOLS)
@written("Also write a sheet with the image, its parents and its descendants to this file.")
def show(settings: Settings, id: str, protocol: str, out: Path | None) -> None:
    """Show an image with its recipe, parents and descendants.

      phosphene show 5f0c2a44-3a51-5c7e-9a70-6f1c0f3f0d11
      phosphene show 5f0c2a44 -o family.png
      phosphene show 5f0c2a44 --json | jq .recipe

    The parents of a generated picture are the neighbours that it was generated from. `init` is the
    picture that it started from. The first eight characters of an id are enough if no other id
    begins with them.
    """
    settings.claim(out)
    with settings.open() as library:
        shown = library.show(id.removeprefix("id:"))
        preview(settings.output, protocol, lambda: [library.picture(shown.image)])
        record = _described(library, shown)
        settings.output.fields(record, _lines(record))
        if out:
            from phosphene.render import family_sheet

            write_picture(settings.output, family_sheet(shown, library.picture), out)


def _described(library: "Library", shown: "Shown") -> dict[str, Any]:
    image = shown.image
    return {
        "id": image.id,
        "origin": image.origin,
        "uri": library.where(image),
        "caption": image.caption,
        "captions": list(image.captions),
        "width": image.width,
        "height": image.height,
        "created": image.created,
        "sha256": image.sha256,
        "fields": known(image.fields),
        "recipe": None if image.recipe is None else dict(image.recipe),
        "parents": [
            {
                "id": made.id,
                "role": made.role,
                "similarity": made.similarity,
                "weight": made.weight,
                "uri": _uri(library, parent),
            }
            for made, parent in zip(image.parents, shown.parents, strict=True)
        ],
        "descendants": [{"id": child.id, "uri": _uri(library, child)} for child in shown.descendants],
    }


def _uri(library: "Library", image: "Image | str") -> str | None:
    """The file of a relative, or None if it was removed and only its id is known."""
    return None if isinstance(image, str) else library.where(image)


def _lines(record: Mapping[str, Any]) -> dict[str, object]:
    """The record as lines for people. Every caption, setting, parent and descendant gets a line."""
    lines: dict[str, object] = {"id": record["id"], "origin": record["origin"]}
    place = nearby(record["uri"])
    lines["file"] = place if "://" in place else Path(place)
    lines["size"] = f"{record['width']}x{record['height']}"
    for number, caption in enumerate(record["captions"], start=1):
        lines["caption" if number == 1 else f"caption {number}"] = caption
    lines["created"], lines["sha256"] = record["created"], record["sha256"]
    lines |= _fields(record)
    for key, value in _made_with(record["recipe"]).items():
        lines[key.replace("_", " ")] = value
    for number, parent in enumerate(record["parents"], start=1):
        name = "init" if parent["role"] == "init" else f"parent {number}"
        lines[name] = f"{parent['similarity']:.3f}  {parent['id']}  {_place(parent)}"
    for number, child in enumerate(record["descendants"], start=1):
        lines[f"descendant {number}"] = f"{child['id']}  {_place(child)}"
    return lines


def _fields(record: Mapping[str, Any]) -> dict[str, object]:
    """The fields, without those of a generated picture that its caption and the lines of its recipe tell."""
    told = IN_RECIPE if record["recipe"] else ()
    return {
        name: ", ".join(value) if isinstance(value, list) else value
        for name, value in record["fields"].items()
        if name not in told
    }


def _made_with(recipe: Mapping[str, Any] | None) -> dict[str, object]:
    """The settings of a generated picture. There are none if its recipe is not valid."""
    if recipe is None:
        return {}
    from phosphene.errors import ImageError
    from phosphene.recipes import check
    from phosphene.recipes.formats import current

    try:
        check(recipe, "")
    except ImageError:
        return {}
    today = current(recipe)
    told = {key: today[key] for key in SETTINGS if today.get(key) is not None}
    return {**told, **today["settings"]}


def _place(relative: Mapping[str, Any]) -> str:
    return "(removed)" if relative["uri"] is None else nearby(relative["uri"])
