"""Fields: what is known of a picture beside its pixels and its captions.

A camera, a person, or the program that made a picture writes them into its file or beside it (EXIF, XMP,
the text chunks of A1111, ComfyUI, InvokeAI and phosphene), or a source knows them (a column of a table).
Each field is a property of `schemas/image.json` with the same name, and every store can filter by it.
"""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from phosphene.times import instant

MAX_LETTERS = 32_768  # of a text; what follows is left out
MAX_TEXTS = 1_000  # of a list
# Weaviate keeps a whole number as a double, which is exact up to here, and refuses 2^63 - 1.
EXACT = 2**53
# Weaviate orders dates by their nanoseconds since 1970 in 64 bits, so that those of other years lie anywhere.
YEARS = ("1678", "2261")
LARGEST = sys.float_info.max
HALF = re.compile("[\ud800-\udfff]")  # half of a Unicode character, which no store takes


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


def fields_of(values: Mapping[str, object]) -> Fields:
    """The fields among values that anybody may have written.

    A value of another type than ours or out of its bounds is not known, and a time gets its one notation.
    """
    given = {name: values[name] for name in NAMES if values.get(name) is not None}
    return Fields(**{name: READ[name](value) for name, value in given.items()}) if given else NONE


def known(fields: Fields) -> dict[str, Any]:
    """The fields that are known, by name. Those that are lists are lists."""
    values = {name: getattr(fields, name) for name in NAMES}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value is not None and value != ()
    }


def _text(value: object) -> str | None:
    """The text, unless it is empty or is not Unicode."""
    if not isinstance(value, str) or HALF.search(value):
        return None
    return value[:MAX_LETTERS] or None


def _texts(value: object) -> tuple[str, ...]:
    given = value[:MAX_TEXTS] if isinstance(value, list | tuple) else ()
    return tuple(text for text in map(_text, given) if text)


def _time(value: object) -> str | None:
    time = instant(value) if isinstance(value, str) else ""
    return time if YEARS[0] <= time[:4] <= YEARS[1] else None


def _number(least: float = -LARGEST, most: float = LARGEST) -> Callable[[object], float | None]:
    def read(value: object) -> float | None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        return float(value) if least <= value <= most else None  # NaN is not between them

    return read


def _whole(least: int, most: int) -> Callable[[object], int | None]:
    number = _number(least, most)

    def read(value: object) -> int | None:
        found = number(value)
        return int(found) if found is not None and found.is_integer() else None

    return read


READ: Mapping[str, Callable[[object], Any]] = {
    "taken": _time,
    **dict.fromkeys(("camera", "place", "prompt", "negative", "model", "sampler"), _text),
    **dict.fromkeys(("keywords", "tags", "other"), _texts),
    "latitude": _number(-90, 90),
    "longitude": _number(-180, 180),
    "rating": _whole(-1, 5),
    "seed": _whole(-EXACT, EXACT),
    "steps": _whole(0, EXACT),
    "guidance": _number(),
}
