"""Checks the values of fields. A stranger may have written them, so a bad one is left out and never an error.

Each function returns the value in the form in which `Fields` has it, or None.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

from phosphene.fields import NONE, Fields, fields_of

MAX_TEXT = 16_384  # characters of a prompt or a caption. Prompts of several thousand are in use
MAX_NAME = 256  # characters of a name, a keyword, or one of the other values
MAX_NAMES = 256  # keywords, or other values. Photographs for sale have up to 50 keywords
MAX_JSON = 1 << 20  # characters that are parsed, which is also what Pillow reads of one text chunk
NO_SIGNAL = (0.0, 0.0)  # what devices write that do not know where they are; a place in the Atlantic
CONTROL = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# EXIF writes `2024:05:01 12:30:00`, and XMP a time of ISO 8601, which may be only a year
MOMENT = re.compile(
    r"(\d{4})(?:[:-](\d\d)(?:[:-](\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?)?)?)?"
    r"\s*(Z|[+-]\d\d:?\d\d)?"
)


def text(value: object, most: int = MAX_TEXT) -> str | None:
    """The text without characters that nobody can see, and cut off if it is longer than `most`."""
    if not isinstance(value, str):
        return None
    return CONTROL.sub("", value[: 2 * most]).strip()[:most].strip() or None


def name(value: object) -> str | None:
    """A short text on one line."""
    short = text(value, MAX_NAME)
    return " ".join(short.split()) or None if short else None


def names(value: object) -> tuple[str, ...]:
    """The names in a list, or in a text that separates them by commas or semicolons; each of them once."""
    if isinstance(value, str):
        value = re.split("[,;]", value[: MAX_NAME * MAX_NAMES])
    listed = value if isinstance(value, list | tuple) else []
    found = (named for each in listed[: 4 * MAX_NAMES] if (named := name(each)))
    return tuple(dict.fromkeys(found))[:MAX_NAMES]


def number(value: object, low: float = -math.inf, high: float = math.inf) -> float | None:
    """A finite number between two bounds. A text may hold it."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value[:MAX_NAME] if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and low <= found <= high else None


def whole(value: object, low: int = 0, high: int = 2**63 - 1) -> int | None:
    """A whole number between two bounds, exact even where a float is not. A text may hold it."""
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,20}\s*", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        found = number(value, low, high)
        return int(found) if found is not None and found.is_integer() else None
    return value if low <= value <= high else None


def moment(value: object, offset: object = None) -> str | None:
    """A time in RFC 3339 and UTC. An `offset` such as `+02:00` counts if the time itself has none."""
    found = MOMENT.fullmatch(value[:MAX_NAME].strip("\0 ")) if isinstance(value, str) else None
    if not found:
        return None
    year, *parts = (int(part) if part else None for part in found.groups()[:6])
    month, day, hour, minute, second = parts
    zone = _zone(found[7] or (offset if isinstance(offset, str) else ""))
    try:
        local = datetime(
            year or 0, month or 1, day or 1, hour or 0, minute or 0, min(second or 0, 59), tzinfo=zone
        )
        return local.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return None


CHECKS: Mapping[str, Callable[[object], Any]] = {
    "taken": moment,
    "camera": name,
    "place": name,
    "latitude": partial(number, low=-90, high=90),
    "longitude": partial(number, low=-180, high=180),
    "rating": partial(whole, low=-1, high=5),
    "keywords": names,
    "tags": names,
    "prompt": text,
    "negative": text,
    "model": name,
    "sampler": name,
    "seed": whole,
    "steps": partial(whole, high=1_000_000),
    "guidance": partial(number, low=0, high=1_000_000),
    "other": names,
}


def checked(given: Mapping[str, object]) -> Fields:
    """The fields of a mapping. Bad values are left out, and values of unknown names go to `other`."""
    if not given:
        return NONE
    found = {key: value for key, check in CHECKS.items() if (value := check(given.get(key))) is not None}
    others = (
        f"{key}={shown}" for key, value in given.items() if key not in CHECKS for shown in _shown(value)
    )
    found["other"] = names([*found["other"], *others])
    point = found.pop("latitude", None), found.pop("longitude", None)
    if None not in point and point != NO_SIGNAL:
        found["latitude"], found["longitude"] = point
    return fields_of(found)


def json_object(text: object) -> dict[str, Any]:
    """The JSON object in a text, or an empty one if there is none."""
    if not isinstance(text, str) or len(text) > MAX_JSON or not text.lstrip().startswith("{"):
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _zone(offset: str) -> timezone:
    """The time zone of an offset from UTC. It is UTC if there is none, or an impossible one."""
    found = re.fullmatch(r"([+-])(\d\d):?(\d\d)", offset.strip("\0 "))
    if not found or int(found[2]) > 23 or int(found[3]) > 59:
        return UTC
    ahead = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-ahead if found[1] == "-" else ahead)


def _shown(value: object) -> Iterator[str]:
    """The simple values in a value of JSON, as texts."""
    if isinstance(value, bool):
        yield str(value).lower()
    elif isinstance(value, str | int | float):
        yield str(value)
    elif isinstance(value, list | tuple):
        yield from (
            shown
            for each in value[:MAX_NAMES]
            if not isinstance(each, list | tuple)
            for shown in _shown(each)
        )
