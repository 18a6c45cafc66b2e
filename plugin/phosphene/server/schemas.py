"""The wire format of Weaviate's multi2vec-clip: what it sends, what it is sent, and what is too much."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, ValidationError

from phosphene.server import Limits
from phosphene.server.errors import Refusal
from phosphene.server.outline import LONG, outline, unescaped

PLACE = re.compile(r" at line \d+ column \d+$")  # in an outline, so that it would mislead
ESCAPE = 12  # bytes that a letter may take in JSON, as `\ud83d\ude00`
REST = 64 << 10  # bytes of a body beside its texts and images, and LONG for each of those that are short
JSON = re.compile(r'application/json\s*(;\s*charset="?utf-8"?\s*)?', re.IGNORECASE)

Listed = Annotated[list[str], FailFast(), BeforeValidator(lambda value: [] if value is None else value)]


@dataclass(frozen=True, slots=True)
class Ask:
    """What `POST /vectorize` asks for. Images are files in base64, as JSON writes it."""

    texts: list[str]
    images: list[bytes]


class Answer(BaseModel):
    """The vectors, in the order of what was asked, by the names that Weaviate reads."""

    textVectors: list[list[float]]
    imageVectors: list[list[float]]


class _Shape(BaseModel):
    """An ask in JSON: either list may be absent or null."""

    model_config = ConfigDict(strict=True)

    texts: Listed = []
    images: Listed = []


def check_type(types: Iterable[str]) -> None:
    """Raise Refusal where a body is said to be no JSON.

    A page in a browser may send other types without asking first. Old Weaviates send none.
    """
    for one in types:
        if not JSON.fullmatch(one):
            raise Refusal(415, "the body must be JSON: send `Content-Type: application/json`")


def parsed(body: bytes | bytearray, limits: Limits) -> Ask:
    """What is asked. Raises Refusal where that is too much, no JSON, or of another shape."""
    found = outline(body, most=REST + 2 * LONG * limits.max_items)
    shape = _shape(found.json)
    count = len(shape.texts) + len(shape.images)
    if count > limits.max_items:
        raise Refusal(413, f"{count} texts and images in one request; {limits.max_items} are allowed")
    texts = [_text(found.strings.get(text, text), at, limits) for at, text in enumerate(shape.texts)]
    images = [found.strings.get(image) or image.encode() for image in shape.images]
    for image in images:
        hash(image)  # which bytes remember; it takes a while, and the event loop will ask for it
    return Ask(texts, images)


def _shape(json: bytes) -> _Shape:
    try:
        return _Shape.model_validate_json(json)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        if first["type"] == "json_invalid":
            raise _no_json(first["ctx"]["error"]) from error
        place = "".join(f"[{part}]" if isinstance(part, int) else part for part in first["loc"])
        raise Refusal(422, f"{place or 'the body'}: {first['msg'][0].lower()}{first['msg'][1:]}") from error


def _text(written: str | bytes, at: int, limits: Limits) -> str:
    """A text, which is bytes where it is long and still as JSON writes it."""
    if len(written) <= ESCAPE * limits.max_text:
        try:
            text = unescaped(written) if isinstance(written, bytes) else written
        except ValueError as error:
            raise _no_json(str(error)) from error
        if len(text) <= limits.max_text:
            return text
    raise Refusal(413, f"texts[{at}] has more than {limits.max_text:,} characters")


def _no_json(reason: str) -> Refusal:
    return Refusal(400, f"the body is no JSON: {PLACE.sub('', reason)}")
