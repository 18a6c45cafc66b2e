"""Recipes as they come out of files and stores. A stranger may have written them: they are data.

`read` takes the text of a recipe and returns a sound one, or raises an ImageError that names the place,
the key and what is wrong with it. Keys that this version does not know are kept. A recipe stays in the
format that it was written in, since its id follows from it; `formats.current` translates it.
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
LONGEST = 2**20  # letters: as many as Pillow reads of one text chunk. Ours have some 2,000
MOST_DIGITS = 20  # of a whole number: 2^63 has 19
HALF, HALVES = re.compile(r"\\u[dD]|[\ud800-\udfff]"), re.compile(r"[\ud800-\udfff]")
SHOWN = 40  # letters of a wrong value that an error shows
HINT = "only a recipe as phosphene wrote it makes the picture again: get the original file"


def in_picture(path: Path) -> Recipe | None:
    """The recipe in a picture file, or None where it holds none.

    Raises ImageError for a file that is no picture and for a recipe that is not sound.
    """
    return _among(read_texts(path), str(path))


def in_content(content: bytes, place: str) -> Recipe | None:
    """The same for the bytes of a picture that can be decoded; those of most pictures are passed over."""
    return _among(texts_in(content), place) if KEY.encode() in content else None


def read(text: str, place: str) -> Recipe:
    """The recipe that a text holds. Raises ImageError, which names the `place` that the text is from."""
    recipe = parse(text, place)
    check(recipe, place)
    return recipe


def parse(text: str, place: str) -> Recipe:
    """The JSON object in a text, whatever its keys. Raises ImageError for everything else."""
    try:
        found = _json(text)
    except RecursionError as error:
        raise _unsound(place, "it is nested too deeply") from error
    except ValueError as error:
        raise _unsound(place, str(error)) from error
    if not isinstance(found, dict):
        raise _unsound(place, f"it is no JSON object, but {_shown(found)}")
    return found


def check(recipe: Mapping[str, Any], place: str) -> None:
    """Raise ImageError for the first key of a recipe that is missing or has a value that it cannot have."""
    from pydantic import ValidationError

    from phosphene.recipes.form import Form, OldForm

    if recipe.get("format") not in READABLE:
        raise ImageError(
            f"The recipe in `{place}` has format {_shown(recipe.get('format'))}; this version reads"
            f" {READABLE[0]} to {READABLE[-1]}.",
            hint="a newer phosphene wrote it: `pip install --upgrade phosphene`",
        )
    form = Form if recipe["format"] == FORMAT else OldForm
    try:
        form.model_validate(recipe)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        reason = first["msg"].removeprefix("Value error, ")
        value = "" if first["type"] == "missing" else f", not {_shown(first['input'])}"
        raise _unsound(place, f"`{key}`: {reason[0].lower()}{reason[1:]}{value}") from error


def roles(recipe: Mapping[str, Any] | None, ids: Sequence[str]) -> list[Role]:
    """What each parent of an image was to it, by its recipe. Where that does not say: a neighbour."""
    entries = (recipe or {}).get("parents")
    if not isinstance(entries, list) or len(entries) != len(ids):
        return ["neighbour"] * len(ids)
    said = [entry if isinstance(entry, dict) else {} for entry in entries]
    return [
        "init" if (entry.get("id"), entry.get("role")) == (id, "init") else "neighbour"
        for entry, id in zip(said, ids, strict=True)
    ]


def _among(texts: Mapping[str, str], place: str) -> Recipe | None:
    """The recipe among the texts of a picture, see `marks`."""
    described, sign = texts.get(DESCRIPTION, ""), f"{KEY}:"
    text = texts.get(KEY, described.removeprefix(sign) if described.startswith(sign) else None)
    return None if text is None else read(text, place)


def _json(text: str) -> Any:
    """The value of a JSON text. Raises ValueError for more than JSON, and for what we never write."""
    if len(text) > LONGEST:
        raise ValueError(f"it has {len(text):,} letters; at most {LONGEST:,} are read")
    found = json.loads(
        text, object_pairs_hook=_object, parse_int=_whole, parse_float=_finite, parse_constant=_no_number
    )
    if HALF.search(text) and HALVES.search(json.dumps(found, ensure_ascii=False)):
        raise ValueError("it holds half of a Unicode letter")
    return found


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {_shown(twice)} is there twice")
    return found


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {_shown(digits)} is too large")
    return number


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _unsound(place: str, reason: str) -> ImageError:
    return ImageError(f"The recipe in `{place}` cannot be used: {reason}", hint=HINT)


def _shown(value: Any) -> str:
    """A stranger's value on one short line."""
    text = ascii(value) if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
