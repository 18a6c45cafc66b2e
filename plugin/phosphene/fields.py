"""Fields: what is known of a picture beside its pixels and its captions.

A camera, a person, or the program that made a picture writes them into its file or beside it (EXIF, XMP,
the text chunks of A1111, ComfyUI, InvokeAI and phosphene), or a source knows them (a column of a table).
Each field is a property of `schemas/image.json` with the same name, and every store can filter by it.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one picture. One that is not known is None, or empty if it is a list."""

    taken: str | None = None  # when the picture was taken: RFC 3339, UTC; UTC is assumed without a time zone
    camera: str | None = None  # maker and model, such as `Canon EOS R5`
    place: str | None = None  # names, from the smallest to the largest: `Montmartre, Paris, France`
    latitude: float | None = None  # degrees, north is positive
    longitude: float | None = None  # degrees, east is positive
    rating: int | None = None  # stars, 0 to 5; -1 means rejected (xmp:Rating)
    keywords: tuple[str, ...] = ()  # that people gave to the picture (dc:subject, IPTC keywords)
    tags: tuple[str, ...] = ()  # that `phosphene tag` found
    prompt: str | None = None  # what a generator was asked for
    negative: str | None = None  # its negative prompt
    model: str | None = None  # the generator's name, or that of its checkpoint
    sampler: str | None = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None  # the scale of classifier-free guidance
    other: tuple[str, ...] = ()  # what a source knows beside these, as `name=value`


NAMES = tuple(each.name for each in fields(Fields))
NONE = Fields()
