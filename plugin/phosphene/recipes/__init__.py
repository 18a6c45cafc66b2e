"""Reads recipes out of files and stores as data, because a stranger may have written them.

`read` returns the valid recipe in a text, or raises an ImageError that names the place, the key and what is
wrong with it. Keys that this version does not know are kept. A recipe stays in the format in which it was
written, because the id of its image follows from it. `formats.current` translates it to today's format.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from phosphene.errors import ImageError
from phosphene.images import DESCRIPTION, read_texts, texts_in
from phosphene.recipes.formats import FORMAT, READABLE
from phosphene.recipes.lineage import KEY
from phosphene.records import Role

Recipe = dict[str, Any]
MAX_LENGTH = 2**20  # characters, which is what Pillow reads of one text chunk; ours have some 2,000
MAX_DIGITS = 20  # of an integer; 2^63 has 19
SURROGATE, SURROGATES = re.compile(r"\\u[dD]|[\ud800-\udfff]"), re.compile(r"[\ud800-\udfff]")
SHOWN = 40  # characters of a wrong value that an error shows
HINT = "get the original file, whose recipe has not been changed"


def in_picture(path: Path) -> Recipe | None:
    """The recipe in a picture file, or None if it has none.

    Raises ImageError for a file that is not a picture and for a recipe that is not valid.
    """
    return _in_texts(read_texts(path), str(path))


def in_content(content: bytes, place: str) -> Recipe | None:
    """The same for the bytes of a picture. Bytes without the word that marks a recipe are not even parsed."""
    return _in_texts(texts_in(content), place) if KEY.encode() in content else None


def read(text: str, place: str) -> Recipe:
    """The recipe in a text. Raises ImageError, which names the `place` where the text was found."""
    recipe = parse(text, place)
    check(recipe, place)
    return recipe


def parse(text: str, place: str) -> Recipe:
    """The JSON object in a text, with any keys. Raises ImageError for everything else."""
    try:
        found = _json(text)
    except RecursionError as error:
        raise _invalid(place, "it is nested too deeply") from error
    except ValueError as error:
        raise _invalid(place, str(error)) from error
    if not isinstance(found, dict):
        raise _invalid(place, f"it is not a JSON object, but {_shown(found)}")
    return found


def check(recipe: Mapping[str, Any], place: str) -> None:
    """Raise ImageError for the first key of a recipe that is missing or has an invalid value."""
    from pydantic import ValidationError

    from phosphene.recipes.form import Form, OldForm

    if recipe.get("format") not in READABLE:
        raise ImageError(
            f"The recipe in `{place}` has the format {_shown(recipe.get('format'))}, but this version of"
            f" phosphene reads the formats {READABLE[0]} to {READABLE[-1]}.",
            hint="install a newer version: `pip install --upgrade phosphene`",
        )
    form = Form if recipe["format"] == FORMAT else OldForm
    try:
        form.model_validate(recipe)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        reason = first["msg"].removeprefix("Value error, ").rstrip(".")
        value = "" if first["type"] == "missing" else f", not {_shown(first['input'])}"
        raise _invalid(place, f"`{key}`: {reason[0].lower()}{reason[1:]}{value}") from error


def roles(recipe: Mapping[str, Any] | None, ids: Sequence[str]) -> list[Role]:
    """The role of each parent of an image, by its recipe. A parent without a role counts as a neighbour."""
    entries = (recipe or {}).get("parents")
    if not isinstance(entries, list) or len(entries) != len(ids):
        return ["neighbour"] * len(ids)
    parents = [entry if isinstance(entry, dict) else {} for entry in entries]
    return [
        "init" if (entry.get("id"), entry.get("role")) == (id, "init") else "neighbour"
        for entry, id in zip(parents, ids, strict=True)
    ]


def _in_texts(texts: Mapping[str, str], place: str) -> Recipe | None:
    """The recipe among the texts of a picture, see `marks`."""
    description, prefix = texts.get(DESCRIPTION, ""), f"{KEY}:"
    text = texts.get(KEY, description.removeprefix(prefix) if description.startswith(prefix) else None)
    return None if text is None else read(text, place)


def _json(text: str) -> Any:
    """The value of a JSON text. Raises ValueError for other texts, and for values that recipes never have."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"it has {len(text):,} characters, but may have at most {MAX_LENGTH:,}")
    found = json.loads(
        text, object_pairs_hook=_object, parse_int=_whole, parse_float=_finite, parse_constant=_no_number
    )
    if SURROGATE.search(text) and SURROGATES.search(json.dumps(found, ensure_ascii=False)):
        raise ValueError("it contains half of a Unicode character")
    return found


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"it has the key {_shown(twice)} twice")
    return found


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"it contains a number of {len(digits):,} digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {_shown(digits)} is too large")
    return number


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is not a number")


def _invalid(place: str, reason: str) -> ImageError:
    return ImageError(f"The recipe in `{place}` cannot be used: {reason}.", hint=HINT)


def _shown(value: Any) -> str:
    """A value that a stranger wrote, as one short line."""
    text = ascii(value) if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
