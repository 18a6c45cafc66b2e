"""The wire format of Weaviate's multi2vec-clip: the request, the response, and what is too much."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, ValidationError

from phosphene.server import Limits
from phosphene.server.error_responses import RequestError
from phosphene.server.outline import LONG, outline, unescaped

POSITION = re.compile(r" at line \d+ column \d+$")  # it counts in the outline, and would be misleading
ESCAPE = 12  # bytes that JSON may write for a letter, as in `\ud83d\ude00`
REST = 64 << 10  # bytes of a body without its texts and images; each short one may take LONG bytes more
JSON = re.compile(r'application/json\s*(;\s*charset="?utf-8"?\s*)?', re.IGNORECASE)

Listed = Annotated[list[str], FailFast(), BeforeValidator(lambda value: [] if value is None else value)]


@dataclass(frozen=True, slots=True)
class VectorizeRequest:
    """The texts and images of one `POST /vectorize`. Images are files in base64, still escaped as in JSON."""

    texts: list[str]
    images: list[bytes]


class VectorizeResponse(BaseModel):
    """The vectors in the order of the request, under the names that Weaviate reads."""

    textVectors: list[list[float]]
    imageVectors: list[list[float]]


class _RequestBody(BaseModel):
    """A request in JSON. Either list may be absent or null."""

    model_config = ConfigDict(strict=True)

    texts: Listed = []
    images: Listed = []


def check_content_type(types: Iterable[str]) -> None:
    """Raise RequestError if the Content-Type is not JSON.

    A page in a browser may send other types without a preflight request. Older Weaviates send no type.
    """
    for one in types:
        if not JSON.fullmatch(one):
            raise RequestError(415, "The body must be JSON. Send `Content-Type: application/json`.")


def parse_request(body: bytes | bytearray, limits: Limits) -> VectorizeRequest:
    """Parse a body. Raises RequestError if it is not JSON, has another shape, or asks for too much."""
    found = outline(body, most=REST + 2 * LONG * limits.max_items)
    shape = _parse(found.json)
    count = len(shape.texts) + len(shape.images)
    if count > limits.max_items:
        allowed = f"{limits.max_items} are allowed"
        raise RequestError(413, f"The request has {count} texts and images, and {allowed}.")
    texts = [_text(found.strings.get(text, text), at, limits) for at, text in enumerate(shape.texts)]
    images = [found.strings.get(image) or image.encode() for image in shape.images]
    for image in images:
        hash(image)  # Python keeps the hash, so that the event loop does not have to compute it
    return VectorizeRequest(texts, images)


def _parse(json: bytes) -> _RequestBody:
    try:
        return _RequestBody.model_validate_json(json)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        if first["type"] == "json_invalid":
            raise _not_json(first["ctx"]["error"]) from error
        place = "".join(f"[{part}]" if isinstance(part, int) else part for part in first["loc"])
        reason = f"{first['msg'][0].lower()}{first['msg'][1:]}"
        raise RequestError(422, f"{place or 'The body'}: {reason}.") from error


def _text(written: str | bytes, at: int, limits: Limits) -> str:
    """Decode a text; a long one comes as bytes, still escaped as in JSON."""
    if len(written) <= ESCAPE * limits.max_text:
        try:
            text = unescaped(written) if isinstance(written, bytes) else written
        except ValueError as error:
            raise _not_json(str(error)) from error
        if len(text) <= limits.max_text:
            return text
    raise RequestError(413, f"texts[{at}] has more than {limits.max_text:,} characters.")


def _not_json(reason: str) -> RequestError:
    return RequestError(400, f"The body is not JSON: {POSITION.sub('', reason)}.")
