"""Files beside a picture that describe it: `a.txt` with captions, and `a.json` with captions and fields.

img2dataset and webdataset name them `a.json`, gallery-dl `a.jpg.json`; both are read.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from phosphene.errors import ImageError
from phosphene.images import read
from phosphene.sources.columns import Description, described
from phosphene.sources.encodings import text_of
from phosphene.sources.file_names import FOLDERS, FileNames

LARGEST_TEXT = 1 << 20  # bytes of a file beside a picture
NOTHING = Description()


def of_text(content: bytes) -> Description:
    """The captions in a text: one in each line. Raises ValueError, with the reason, if it is no text."""
    return Description(tuple(text_of(content).splitlines()))


def of_json(content: bytes) -> Description:
    """The captions and fields in a JSON object. Raises ValueError, with the reason, if it is none."""
    try:
        found = json.loads(text_of(content))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(found, Mapping):
        raise ValueError("it is not a JSON object")
    return described(found)


READERS: Mapping[str, Callable[[bytes], Description]] = {".txt": of_text, ".json": of_json}


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
        for name in (os.path.splitext(picture.name)[0], picture.name):  # noqa: PTH122
            file = self._names.spelled(picture.parent / f"{name}{ending}")
            if file is not None and file != picture:
                yield file

    def _read(self, file: Path, ending: str) -> Description:
        try:
            return READERS[ending](read(file, largest=LARGEST_TEXT).content)
        except (ImageError, ValueError, MemoryError) as error:
            self._skip(file, f"its captions cannot be read: {error}")
            return NOTHING


def together(found: list[Description]) -> Description:
    """The captions of several descriptions in order, and the first value of each field."""
    fields: dict[str, Any] = {}
    for each in reversed(found):
        fields |= each.fields
    return Description(tuple(caption for each in found for caption in each.captions), fields)
