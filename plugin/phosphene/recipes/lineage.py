"""What made an image: its recipe, the id that follows from it, and the texts in its PNG.

A recipe is JSON with everything that is needed to make the image again. The id of a generated image is
the uuid5 of what decides its pixels (`identity`). No time, version or place in a batch is part of it, so
making the same picture again changes nothing.
"""

import base64
import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from phosphene.recipes.formats import current
from phosphene.records import Image, Parent
from phosphene.vectors import Vector, unit

KEY = "phosphene"  # of the iTXt chunk that holds the recipe
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "phosphene:generated")
# What is said for people and decides no pixel. The words that a generator reads are in `words`.
FOR_PEOPLE = ("format", "prompt", "generator", "sampler", "novelty")
LABEL = re.compile(r"^(Steps|Negative prompt):")  # how the other lines of `parameters` begin

# IPTC's word for "made by a trained model", as XMP (IPTC Photo Metadata, digitalsourcetype).
XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia\
</Iptc4xmpExt:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta>"""


def identity(recipe: Mapping[str, Any]) -> str:
    """The canonical JSON of what decides the pixels, of a recipe of any format as it was written.

    Similarities follow from the vectors. The init image is there by the sha256 of its file, so the
    parent that it may be is left out.
    """
    kept = {key: value for key, value in recipe.items() if key not in FOR_PEOPLE and value is not None}
    kept["parents"] = [{"id": parent["id"], "weight": parent["weight"]} for parent in neighbours(recipe)]
    kept["negative"] = [negative["vector"] for negative in recipe["negative"]]
    for source in ("init", "mask"):
        if recipe.get(source):
            kept[source] = recipe[source]["sha256"]
    return json.dumps(kept, sort_keys=True, separators=(",", ":"))


def generated_id(recipe: Mapping[str, Any]) -> str:
    """The id of the image that this recipe makes."""
    return str(uuid.uuid5(NAMESPACE, identity(recipe)))


def parents_of(recipe: Mapping[str, Any]) -> tuple[Parent, ...]:
    """The images that it was made from: the neighbours in their order, then the init image."""
    return tuple(
        Parent(entry["id"], entry["weight"], entry["similarity"], entry.get("role", "neighbour"))
        for entry in recipe["parents"]
    )


def neighbours(recipe: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The entries of the parents that led it as neighbours."""
    return [entry for entry in recipe["parents"] if entry.get("role", "neighbour") == "neighbour"]


def encode(vector: Vector) -> str:
    """A vector as text: base64 of little-endian float16."""
    return base64.b64encode(vector.astype("<f2").tobytes()).decode("ascii")


def decode(text: str) -> Vector:
    """The unit vector that `encode` wrote.

    Raises ValueError for a text that holds no vector, VectorError for one without a direction.
    """
    return unit(np.frombuffer(base64.b64decode(text, validate=True), dtype="<f2").astype(np.float32))


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
    recipe = current(recipe)
    width, height = recipe["size"]
    negative = ", ".join(entry["prompt"] for entry in recipe["negative"])
    lines = [_line(recipe["prompt"])] + ([f"Negative prompt: {_line(negative)}"] if negative else [])
    settings = {
        "Steps": recipe["num_inference_steps"],
        "Sampler": recipe.get("sampler"),
        "CFG scale": recipe["guidance_scale"],
        "Seed": recipe["seed"],
        "Size": f"{width}x{height}",
        "Model hash": recipe["weights"][:10],
        "Model": recipe["generator"],
        **_start(recipe),
        "Neighbours": len(neighbours(recipe)),
        "Image CFG scale": recipe["settings"].get("image_guidance_scale"),
    }
    told = {name: value for name, value in settings.items() if value not in (None, "")}
    return "\n".join([*lines, ", ".join(f"{name}: {_quoted(value)}" for name, value in told.items())])


def _start(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What the web UI says of image-to-image, and of inpainting in its words for what ours does."""
    said: dict[str, Any] = {}
    if recipe.get("init"):
        said["Denoising strength"] = recipe["strength"]
    if recipe.get("mask"):
        said |= {"Mask blur": 0, "Masked content": "original"}
    return said


def _line(text: str) -> str:
    """A prompt on one line that is not taken for another one of the lines."""
    return LABEL.sub(r"\1 :", " ".join(text.split()))


def _quoted(value: Any) -> str:
    """A value as the web UI writes it: one that would end itself stands in quotes."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r"[,:\n]", text) else text


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
