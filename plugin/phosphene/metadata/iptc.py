"""IPTC-IIM, the oldest of the formats in which agencies and editors describe photographs.

A block is a row of datasets: a marker, a record, a number, a length of two bytes, and the value (IPTC-NAA
Information Interchange Model, version 4.2, https://iptc.org/std/IIM/4.2/specification/IIMV4.2.pdf).
"""

from collections.abc import Iterator

from phosphene.metadata.exif import description
from phosphene.metadata.merging import Metadata
from phosphene.metadata.values import MAX_NAMES, checked
from phosphene.metadata.xmp import place_name

MARKER = 0x1C
LONG = 0x8000  # the bit of a length which says that the length of the length follows; texts are never so long
DATASETS = 4 * MAX_NAMES  # that are read
CHARACTER_SET, UTF_8 = (1, 90), b"\x1b%G"
KEYWORDS, DAY, TIME, CAPTION = (2, 25), (2, 55), (2, 60), (2, 120)
PLACES = ((2, 92), (2, 90), (2, 95), (2, 101))  # a part of a town, the town, the state and the country

Key = tuple[int, int]  # the number of a record, and that of a dataset in it


def read(block: bytes) -> Metadata:
    """What IPTC-IIM says of a picture."""
    found: dict[Key, list[bytes]] = {}
    for number, value in _datasets(block):
        found.setdefault(number, []).append(value)
    encoding = "utf-8" if UTF_8 in found.get(CHARACTER_SET, ()) else None
    texts = {number: [_text(value, encoding) for value in values] for number, values in found.items()}
    fields = checked(
        {
            "taken": _taken(*(_first(texts, number) for number in (DAY, TIME))),
            "place": place_name(_first(texts, number) for number in PLACES),
            "keywords": texts.get(KEYWORDS),
        }
    )
    caption = description(_first(texts, CAPTION))
    return Metadata(fields, (caption,) if caption else ())


def _datasets(block: bytes) -> Iterator[tuple[Key, bytes]]:
    at = 0
    for _ in range(DATASETS):
        if len(block) < at + 5 or block[at] != MARKER:
            return
        length = int.from_bytes(block[at + 3 : at + 5])
        if length & LONG:
            return
        yield (block[at + 1], block[at + 2]), block[at + 5 : at + 5 + length]
        at += 5 + length


def _text(value: bytes, encoding: str | None) -> str:
    """A value as text. Without a character set, it is UTF-8 from most programs, and Latin-1 from old ones."""
    try:
        return value.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _first(texts: dict[Key, list[str]], key: Key) -> str:
    return next(iter(texts.get(key, ())), "")


def _taken(day: str, time: str) -> str | None:
    """`20240501` and `123000+0200` in the form of XMP."""
    if len(day) != 8:
        return None
    clock = f"T{time[:2]}:{time[2:4]}:{time[4:6]}{time[6:]}" if len(time) >= 6 else ""
    return f"{day[:4]}-{day[4:6]}-{day[6:]}{clock}"
