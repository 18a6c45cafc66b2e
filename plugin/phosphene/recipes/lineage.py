"""The lineage of a generated image: its recipe, the id that follows from it, and the texts in its PNG.

A recipe is JSON with everything that is needed to make the image again. The id of a generated image is the
uuid5 of the parts that decide its pixels (`identity`). The time, the version and the place in a batch are not
among them, so making the same picture again gives the same id.
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

KEY = "phosphene"  # the key of the iTXt chunk with the recipe
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "phosphene:generated")
# Keys that decide no pixel by themselves. The words that a generator reads are in `words`, and the `weights`
# count what was added to a checkpoint.
FOR_PEOPLE = ("format", "prompt", "generator", "sampler", "runtime", "novelty", "style", "additions")
LABEL = re.compile(r"^(Steps|Negative prompt):")  # the beginnings of the other lines of `parameters`

# IPTC's word for "made by a trained model", as XMP (IPTC Photo Metadata, digitalsourcetype).
XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia\
</Iptc4xmpExt:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta>"""


def identity(recipe: Mapping[str, Any]) -> str:
    """The canonical JSON of the parts that decide the pixels, of a recipe of any format as it was written.

    Similarities are left out, because they follow from the vectors. The init image is identified by the
    sha256 of its file, so it is left out of the parents.
    """
    kept = {key: value for key, value in recipe.items() if key not in FOR_PEOPLE and value is not None}
    kept["parents"] = [
        {key: parent[key] for key in ("id", "weight", "picture") if key in parent}
        for parent in neighbours(recipe)
    ]
    kept["negative"] = [negative["vector"] for negative in recipe["negative"]]
    for source in ("init", "mask"):
        if recipe.get(source):
            kept[source] = recipe[source].get("sha256") or recipe[source]
    return json.dumps(kept, sort_keys=True, separators=(",", ":"))


def generated_id(recipe: Mapping[str, Any]) -> str:
    """The id of the image that is made from this recipe."""
    return str(uuid.uuid5(NAMESPACE, identity(recipe)))


def parents_of(recipe: Mapping[str, Any]) -> tuple[Parent, ...]:
    """The images that a picture was made from: the neighbours in their order, then the init image."""
    return tuple(
        Parent(entry["id"], entry["weight"], entry["similarity"], entry.get("role", "neighbour"))
        for entry in recipe["parents"]
    )


def neighbours(recipe: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The entries of those parents that are neighbours."""
    return [entry for entry in recipe["parents"] if entry.get("role", "neighbour") == "neighbour"]


def encode(vector: Vector) -> str:
    """A vector as text: base64 of little-endian float16."""
    return base64.b64encode(vector.astype("<f2").tobytes()).decode("ascii")


def decode(text: str) -> Vector:
    """The unit vector in a text that `encode` wrote.

    Raises ValueError for a text that is not a vector, and VectorError for a vector without a direction.
    """
    return unit(np.frombuffer(base64.b64decode(text, validate=True), dtype="<f2").astype(np.float32))


def rounded(vector: Vector) -> Vector:
    """The vector as a recipe holds it. Pictures are made from this, so that a replay has the same vector."""
    return decode(encode(vector))


def texts(recipe: Mapping[str, Any]) -> dict[str, str]:
    """The text chunks of a generated PNG: for other tools, for phosphene, and marks that a model made it."""
    return {
        "parameters": parameters(recipe),
        KEY: json.dumps(recipe, ensure_ascii=False),
        "ai_generated": "true",
        "XML:com.adobe.xmp": XMP,
    }


def parameters(recipe: Mapping[str, Any]) -> str:
    """The recipe in the format of AUTOMATIC1111's web UI, which most galleries read."""
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
        **_init_settings(recipe),
        "Neighbours": len(neighbours(recipe)),
        "Image CFG scale": recipe["settings"].get("image_guidance_scale"),
    }
    given = {name: value for name, value in settings.items() if value not in (None, "")}
    return "\n".join([*lines, ", ".join(f"{name}: {_quoted(value)}" for name, value in given.items())])


def _init_settings(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of image-to-image and inpainting, with the web UI's names and values."""
    settings: dict[str, Any] = {}
    if recipe.get("init"):
        settings["Denoising strength"] = recipe["strength"]
    if recipe.get("mask"):
        settings |= {"Mask blur": 0, "Masked content": "original"}
    return settings


def _line(text: str) -> str:
    """A prompt on one line, changed if a reader would take it for one of the other lines."""
    return LABEL.sub(r"\1 :", " ".join(text.split()))


def _quoted(value: Any) -> str:
    """A value as the web UI writes it: in quotes if it contains a separator."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r"[,:\n]", text) else text


def descendants(id: str, generated: Iterable[Image]) -> list[Image]:
    """All images that were made from this one, directly or through others, children first."""
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
