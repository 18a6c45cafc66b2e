"""What made an image: its recipe, the id that follows from it, and the texts in its PNG.

A recipe is JSON with everything that is needed to make the image again. The id of a generated
image is uuid5 of what decides its pixels (`identity`): no time, no version, no place in a batch;
so making the same again changes nothing.
"""

import base64
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from phosphene.errors import ImageError
from phosphene.images import read_texts
from phosphene.records import Image, Parent
from phosphene.vectors import Vector, unit

FORMAT = 1
KEY = "phosphene"  # of the iTXt chunk that holds the recipe
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "phosphene:generated")
# Said in words for people and recipes, but deciding no pixel.
WORDS = ("format", "prompt", "generator", "novelty")

# IPTC's word for "made by a trained model", as XMP (IPTC Photo Metadata, digitalsourcetype).
XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia\
</Iptc4xmpExt:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta>"""


def identity(recipe: Mapping[str, Any]) -> str:
    """The canonical JSON of what decides the pixels; similarities follow from the vectors."""
    kept = {key: value for key, value in recipe.items() if key not in WORDS and value is not None}
    kept["parents"] = [{"id": parent["id"], "weight": parent["weight"]} for parent in recipe["parents"]]
    kept["negative"] = [negative["vector"] for negative in recipe["negative"]]
    for source in ("init", "mask"):
        if recipe.get(source):
            kept[source] = recipe[source]["sha256"]
    return json.dumps(kept, sort_keys=True, separators=(",", ":"))


def generated_id(recipe: Mapping[str, Any]) -> str:
    """The id of the image that this recipe makes."""
    return str(uuid.uuid5(NAMESPACE, identity(recipe)))


def parents_of(recipe: Mapping[str, Any]) -> tuple[Parent, ...]:
    """The neighbours that conditioned it, in the order they were handed over."""
    return tuple(Parent(entry["id"], entry["weight"], entry["similarity"]) for entry in recipe["parents"])


def encode(vector: Vector) -> str:
    """A vector as text: base64 of little-endian float16."""
    return base64.b64encode(vector.astype("<f2").tobytes()).decode("ascii")


def decode(text: str) -> Vector:
    """The unit vector that `encode` wrote."""
    return unit(np.frombuffer(base64.b64decode(text), dtype="<f2").astype(np.float32))


def rounded(vector: Vector) -> Vector:
    """What `decode` gives back. Generations use it, so that a recipe holds the very vector used."""
    return decode(encode(vector))


def texts(recipe: Mapping[str, Any]) -> dict[str, str]:
    """The text chunks of a generated PNG: for other tools, for us, and for machines that ask."""
    return {
        "parameters": parameters(recipe),
        KEY: json.dumps(recipe, ensure_ascii=False),
        "ai_generated": "true",
        "XML:com.adobe.xmp": XMP,
    }


def parameters(recipe: Mapping[str, Any]) -> str:
    """The recipe in the lines that AUTOMATIC1111's web UI writes and most galleries read."""
    width, height = recipe["size"]
    negative = ", ".join(entry["prompt"] for entry in recipe["negative"])
    lines = [recipe["prompt"]] + ([f"Negative prompt: {negative}"] if negative else [])
    settings = {
        "Steps": recipe["steps"],
        "Sampler": "UniPC",
        "CFG scale": recipe["text_guidance"],
        "Seed": recipe["seed"],
        "Size": f"{width}x{height}",
        "Model hash": recipe["weights"][:10],
        "Model": recipe["generator"],
        "Neighbours": len(recipe["parents"]),
        "Neighbour guidance": recipe["neighbour_guidance"],
    }
    return "\n".join([*lines, ", ".join(f"{name}: {value}" for name, value in settings.items())])


def recipe_in(path: Path) -> dict[str, Any]:
    """The recipe in a PNG that phosphene wrote. Raises ImageError where there is none."""
    text = read_texts(path).get(KEY)
    if text is None:
        raise ImageError(
            f"`{path}` holds no phosphene recipe", hint="only pictures that phosphene made can be replayed"
        )
    try:
        recipe: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError as error:
        raise ImageError(f"the recipe in `{path}` is not JSON: {error}") from error
    if recipe.get("format") != FORMAT:
        raise ImageError(
            f"the recipe in `{path}` has format {recipe.get('format')}; this version reads {FORMAT}",
            hint="a newer phosphene wrote it: upgrade",
        )
    return recipe


def descendants(id: str, generated: Iterable[Image]) -> list[Image]:
    """Everything made from this image, directly or through others, children first."""
    children: dict[str, list[Image]] = {}
    for image in generated:
        for parent in image.parents:
            children.setdefault(parent.id, []).append(image)
    found: dict[str, Image] = {}
    generation: Sequence[str] = [id]
    while generation:
        born = {child.id: child for parent in generation for child in children.get(parent, [])}
        generation = [child for child in born if child not in found]
        found |= {child: born[child] for child in generation}
    return list(found.values())
