"""Reads dates as people write them: a year, a month, a day, or a time of the day."""

import re
from datetime import UTC, datetime, timedelta, timezone

DATE = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(T(?P<hour>\d\d)(:(?P<minute>\d\d)(:(?P<second>\d\d))?)?(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?"
)
FIRST = {"month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0}
LENGTHS = {
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
}


def first_and_end(text: str) -> tuple[datetime, datetime] | None:
    """When a written time begins, and when the next one does. None if it is not a time.

    `2024-05` is all of May 2024. Without a time zone, it is in UTC.
    """
    if not (found := DATE.fullmatch(text)):
        return None
    known = {name: int(found[name]) for name in ("year", *FIRST) if found[name]}
    try:
        first = datetime(**(FIRST | known), tzinfo=_zone(found["zone"]))
        return first, _next(first, list(known)[-1])
    except (ValueError, OverflowError):  # there is no such day, or none after it
        return None


def _next(first: datetime, unit: str) -> datetime:
    if unit == "year":
        return first.replace(year=first.year + 1)
    if unit == "month":
        return (first + timedelta(days=31)).replace(day=1)
    return first + LENGTHS[unit]


def _zone(text: str | None) -> timezone:
    if text in (None, "Z"):
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:]))
    return timezone(-offset if text[0] == "-" else offset)
