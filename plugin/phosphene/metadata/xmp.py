"""XMP, inside of a picture or in a `.xmp` file beside it: what people add in Lightroom, darktable or digiKam.

The properties are those of Adobe's XMP specification, parts 1 and 2, and of IPTC's photo metadata standard
(https://iptc.org/std/photometadata/specification). The XML may not declare a document type, since that is the
only place where it could define entities; and without entities, a small file stays small.
"""

import re
from collections.abc import Iterable
from xml.etree import ElementTree

from phosphene.metadata.exif import DIGITS, camera_name, description
from phosphene.metadata.merging import Metadata
from phosphene.metadata.values import checked, moment, name

LARGEST = 1 << 20  # bytes. Lightroom's histories reach some 100 kB
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DC = "{http://purl.org/dc/elements/1.1/}"
BASIC = "{http://ns.adobe.com/xap/1.0/}"
PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
EXIF = "{http://ns.adobe.com/exif/1.0/}"
TIFF = "{http://ns.adobe.com/tiff/1.0/}"
IPTC = "{http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/}"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
TIMES = (f"{EXIF}DateTimeOriginal", f"{PHOTOSHOP}DateCreated", f"{BASIC}CreateDate")  # the best one first
PLACES = (f"{IPTC}Location", f"{PHOTOSHOP}City", f"{PHOTOSHOP}State", f"{PHOTOSHOP}Country")
COORDINATE = re.compile(r"(\d{1,3}),(\d{1,2}(?:\.\d{1,12})?)(?:,(\d{1,2}(?:\.\d{1,12})?))?([NSEW])")

Properties = dict[str, list[str]]


def read(content: bytes) -> Metadata:
    """What XMP says of a picture. A damaged block says nothing."""
    found = _properties(content)
    fields = checked(
        {
            "taken": next(
                (time for key in TIMES for each in found.get(key, ()) if (time := moment(each))), None
            ),
            "camera": camera_name(_first(found, f"{TIFF}Make"), _first(found, f"{TIFF}Model")),
            "place": place_name(_first(found, key) for key in PLACES),
            "latitude": _degrees(_first(found, f"{EXIF}GPSLatitude")),
            "longitude": _degrees(_first(found, f"{EXIF}GPSLongitude")),
            "rating": _first(found, f"{BASIC}Rating"),
            "keywords": found.get(f"{DC}subject"),
        }
    )
    caption = description(_first(found, f"{DC}description"))
    return Metadata(fields, (caption,) if caption else ())


def place_name(parts: Iterable[object]) -> str | None:
    """`Montmartre, Paris, France` from its parts, the smallest first."""
    return ", ".join(dict.fromkeys(part for each in parts if (part := name(each)))) or None


def _properties(content: bytes) -> Properties:
    """The values of each property, those of a list in their order."""
    packet = _text(content)
    if len(content) > LARGEST or "<!DOCTYPE" in packet:
        return {}
    try:
        root = ElementTree.fromstring(packet)
    except ElementTree.ParseError:
        return {}
    found: Properties = {}
    described_in = next(root.iter(f"{RDF}RDF"), ElementTree.Element(""))
    for described in described_in.iterfind(f"{RDF}Description"):
        for key, value in described.items():
            found.setdefault(key, [value])
        for each in described:
            found.setdefault(each.tag, _values(each))
    return found


def _values(element: ElementTree.Element) -> list[str]:
    """The texts of a property. Of a text in several languages, the one without a language is the first."""
    items = sorted(element.iter(f"{RDF}li"), key=lambda each: each.get(LANGUAGE, "x-default") != "x-default")
    return [each.text for each in items or [element] if each.text]


def _first(found: Properties, key: str) -> str | None:
    return next(iter(found.get(key, ())), None)


def _text(content: bytes) -> str:
    """A packet as text: UTF-8, or UTF-16 with its mark. Zeros may fill it up."""
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    return content.decode(encoding, "replace").strip("\0 \r\n")


def _degrees(value: str | None) -> float | None:
    """`48,51.5N` or `48,51,30N` as a number, negative in the south and in the west."""
    found = COORDINATE.fullmatch(value.strip()) if value else None
    if not found:
        return None
    degrees = round(int(found[1]) + float(found[2]) / 60 + float(found[3] or 0) / 3600, DIGITS)
    return -degrees if found[4] in "SW" else degrees
