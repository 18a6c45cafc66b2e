"""Files beside a picture that describe it: `a.txt` with captions, `a.json` and `a.xmp` with fields, too.

img2dataset and Lightroom write `a.json` and `a.xmp`, gallery-dl and darktable `a.jpg.json` and `a.jpg.xmp`.
Google Takeout writes `a.jpg.supplemental-metadata.json`, or `a.jpg.json` in older exports.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from phosphene.errors import ImageError
from phosphene.images import read
from phosphene.sources.columns import NOTHING, Description, described, together
from phosphene.sources.encodings import text_of
from phosphene.sources.file_names import FOLDERS, FileNames

TAKEOUT = "photoTakenTime"  # the key by which the files of Google Takeout are recognised
SUPPLEMENT = ".supplemental-metadata"
LAST = 253_402_300_799  # the end of the year 9999, in seconds since 1970
LARGEST_TEXT = 1 << 20  # bytes of a file beside a picture


def of_text(content: bytes) -> Description:
    """The captions in a text: one in each line. Raises ValueError, with the reason, if it is no text."""
    return Description(tuple(text_of(content).splitlines()))


def of_json(content: bytes) -> Description:
    """The captions and fields in a JSON object. Raises ValueError, with the reason, if it is none."""
    try:
        found = json.loads(text_of(content))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object")
    return described(_of_takeout(found) if TAKEOUT in found else found)


def of_xmp(content: bytes) -> Description:
    """What people have written with Lightroom, darktable, digiKam, … A damaged file says nothing."""
    from phosphene.metadata import xmp

    found = xmp.read(content)
    return Description(found.captions, described({**asdict(found.fields), "other": None}).fields)


def _of_takeout(found: Mapping[str, Any]) -> dict[str, Any]:
    """What Google Photos knows of a picture, by the names that `columns` knows. 0° N 0° E means nowhere."""
    time, place, people = found[TAKEOUT], found.get("geoData"), found.get("people")
    seconds = str(time.get("timestamp")) if isinstance(time, dict) else ""
    located = place if isinstance(place, dict) and (place.get("latitude") or place.get("longitude")) else {}
    return {
        "description": found.get("description"),
        "taken": _moment(int(seconds)) if seconds.isdecimal() else None,
        "latitude": located.get("latitude"),
        "longitude": located.get("longitude"),
        "keywords": [each.get("name") for each in people if isinstance(each, dict)]
        if isinstance(people, list)
        else None,
    }


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(min(seconds, LAST), UTC).isoformat()


READERS: Mapping[str, Callable[[bytes], Description]] = {".txt": of_text, ".json": of_json, ".xmp": of_xmp}


class Sidecars:
    """Reads the files beside pictures. `skip` is told of each that cannot be read, and why."""

    def __init__(self, names: FileNames, skip: Callable[[Path, str], None]) -> None:
        self._names = names
        self._skip = skip
        self._endings = lru_cache(maxsize=FOLDERS)(self._endings_in)

    def of(self, picture: Path) -> Description:
        """What the files beside a picture say about it."""
        endings = self._endings(picture.parent)
        if not endings:
            return NOTHING
        found = [self._read(file, ending) for ending in endings for file in self._beside(picture, ending)]
        return together(found)

    def _endings_in(self, folder: Path) -> list[str]:
        """The endings of sidecars that a folder may have. It is asked for every picture in it."""
        return [ending for ending in READERS if self._names.may_end(folder, ending)]

    def _beside(self, picture: Path, ending: str) -> Iterator[Path]:
        stem = os.path.splitext(picture.name)[0]  # noqa: PTH122
        supplements = [f"{picture.name}{SUPPLEMENT}{ending}"] if ending == ".json" else []
        for name in (f"{stem}{ending}", f"{picture.name}{ending}", *supplements):
            file = self._names.spelled(picture.parent / name)
            if file is not None and file != picture:
                yield file

    def _read(self, file: Path, ending: str) -> Description:
        try:
            return READERS[ending](read(file, largest=LARGEST_TEXT).content)
        except (ImageError, ValueError, MemoryError) as error:
            self._skip(file, f"its captions cannot be read: {error}")
            return NOTHING
