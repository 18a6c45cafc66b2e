"""What the columns of a table mean, and the keys of a JSON file beside a picture: captions and fields.

The names are those that Hugging Face's `imagefolder`, img2dataset, gallery-dl, Flickr and generators use. A
name counts in any spelling: `DateTaken`, `date_taken` and `date taken` are the same.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from phosphene.fields import NAMES

CAPTIONS = {"text", "txt", "caption", "captions", "alt", "alttext", "description"}
MEANINGS = {  # other names of the fields in `fields.py`
    "datetaken": "taken", "datetimeoriginal": "taken",
    "cameramodel": "camera", "capturedevice": "camera", "location": "place",
    "lat": "latitude", "gpslatitude": "latitude",
    "lon": "longitude", "lng": "longitude", "gpslongitude": "longitude",
    "stars": "rating", "keyword": "keywords", "subject": "keywords", "usertags": "keywords",
    "negativeprompt": "negative", "modelname": "model", "checkpoint": "model", "samplername": "sampler",
    "numinferencesteps": "steps", "cfgscale": "guidance", "guidancescale": "guidance",
}  # fmt: skip
# What says nothing that the picture's own file does not: names, sums, sizes, and how a download went
ABOUT_THE_FILE = {
    "filename", "key", "width", "height", "originalwidth", "originalheight", "sha256", "md5", "exif",
    "status", "errormessage", "extension",
    # ... and what `phosphene export` writes about a row
    "id", "uri", "origin", "created", "norm", "recipe", "parents", "parentweights", "parentsimilarities",
    "score", "vector",
}  # fmt: skip
MAX_TEXT = 16_384  # characters of one value; a longer one is cut off
MAX_VALUES = 256  # values of one list; longer ones are numbers for programs, such as vectors


@dataclass(frozen=True, slots=True)
class Description:
    """The captions and the fields that a row of a table, or a file beside a picture, has for it."""

    captions: tuple[str, ...] = ()
    fields: Mapping[str, object] = field(default_factory=dict)


NOTHING = Description()


def described(row: Mapping[str, Any]) -> Description:
    """What a row says about its picture. Values that are no text, number or list of texts are left out."""
    captions: list[str] = []
    fields: dict[str, object] = {}
    for name, value in row.items():
        meaning = squeezed(name)
        if meaning in CAPTIONS:
            captions += _texts(value)
        elif meaning not in ABOUT_THE_FILE and (plain := _plain(value)) is not None:
            fields.setdefault(MEANINGS.get(meaning, meaning if meaning in NAMES else name), plain)
    return Description(tuple(captions), fields)


def together(found: list[Description]) -> Description:
    """The captions of several descriptions in order, and the first value of each field."""
    fields: dict[str, Any] = {}
    for each in reversed(found):
        fields |= each.fields
    return Description(tuple(caption for each in found for caption in each.captions), fields)


@lru_cache(maxsize=1024)
def squeezed(name: str) -> str:
    """A name in small letters and without anything between its words."""
    return re.sub(r"[\W_]", "", name.lower())


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    return [text[:MAX_TEXT] for text in values if isinstance(text, str)]


def _plain(value: object) -> object:
    """The value as JSON, or None if it is nothing that a field holds."""
    if isinstance(value, bool | int | str):
        return value[:MAX_TEXT].strip() or None if isinstance(value, str) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list | tuple) and len(value) <= MAX_VALUES:
        return _texts(value) or None
    return None
