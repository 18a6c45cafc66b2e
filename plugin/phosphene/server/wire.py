"""The wire format of Weaviate's multi2vec-clip: what it sends, what it is sent, and what is too much."""

from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from starlette.requests import ClientDisconnect

from phosphene.server import MIB, Limits
from phosphene.server.refusals import Refusal

Listed = Annotated[list[str], BeforeValidator(lambda value: [] if value is None else value)]


class Ask(BaseModel):
    """`POST /vectorize`: either list may be absent or null. Pictures are files in base64."""

    model_config = ConfigDict(strict=True)

    texts: Listed = []
    images: Listed = []


class Answer(BaseModel):
    """The vectors, in the order of what was asked, by the names that Weaviate reads."""

    textVectors: list[list[float]]
    imageVectors: list[list[float]]


def length(request: Request, limits: Limits) -> int:
    """How many bytes a body has, or may have: where that is not said, all that are allowed."""
    said = request.headers.get("content-length", "")
    return int(said) if said.isdecimal() else limits.body


async def read(request: Request, limits: Limits) -> Ask:
    """What is asked. Raises Refusal where that is too much, no JSON, or of another shape."""
    ask = _parsed(await _body(request, limits))
    count = len(ask.texts) + len(ask.images)
    if count > limits.items:
        raise Refusal(413, f"{count} texts and images in one request; {limits.items} are allowed")
    return ask


async def _body(request: Request, limits: Limits) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limits.body:
                raise Refusal(413, f"the body is larger than {limits.body / MIB:g} MiB")
    except ClientDisconnect as error:
        raise Refusal(400, "the client hung up before its body had come") from error
    return bytes(body)


def _parsed(body: bytes) -> Ask:
    try:
        return Ask.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        if first["type"] == "json_invalid":
            raise Refusal(400, f"the body is no JSON: {first['ctx']['error']}") from error
        place = "".join(f"[{part}]" if isinstance(part, int) else part for part in first["loc"])
        raise Refusal(422, f"{place or 'the body'}: {first['msg'][0].lower()}{first['msg'][1:]}") from error
