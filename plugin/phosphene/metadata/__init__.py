"""What a picture's file says of the picture: fields, and captions.

    exif, iptc, xmp               cameras, and people in Lightroom, darktable, digiKam, …
    a1111, comfyui, invokeai      the programs that made the picture

`xmp.read` also reads the `.xmp` file beside a picture.

A stranger may have written any of it. What is damaged, too long or of another type is left out, and nothing
raises. Only headers are read: it takes a millisecond per picture.
"""

from collections.abc import Iterator, Mapping

from phosphene.fields import NONE, Fields
from phosphene.images import blocks
from phosphene.metadata import a1111, comfyui, exif, invokeai, iptc, xmp
from phosphene.metadata.merging import NOTHING, Metadata, changed_fields, merged, merged_fields
from phosphene.metadata.values import checked

__all__ = ["NOTHING", "Metadata", "changed_fields", "checked", "in_picture", "merged", "merged_fields"]

# Who writes which text, the one that knows its prompt best first: a graph is only an indication
GENERATORS = {
    "parameters": a1111.read,
    "invokeai_metadata": invokeai.read,
    "sd-metadata": invokeai.read_old,
    "prompt": comfyui.read,
}
DESCRIPTION = "Description"  # the key of a text chunk in the PNG specification


def in_picture(content: bytes, *, is_ours: bool = False) -> Metadata:
    """What the bytes of a picture say of it. If phosphene made it, its recipe says what other texts would."""
    found = blocks(content)
    tags = exif.tags(found.exif)
    generated = NONE if is_ours else merged_fields(_generated({**exif.texts(tags), **found.texts}))
    prompt = " ".join((generated.prompt or "").split())
    described = exif.description(found.texts.get(DESCRIPTION))
    return merged(
        [
            Metadata(generated, tuple(caption for caption in (prompt, described) if caption)),
            exif.metadata(tags),
            xmp.read(found.xmp or exif.block(tags, exif.XMP)),
            iptc.read(found.iptc or exif.block(tags, exif.IPTC)),
        ]
    )


def _generated(texts: Mapping[str, str]) -> Iterator[Fields]:
    yield from (read(texts[key]) for key, read in GENERATORS.items() if key in texts)
