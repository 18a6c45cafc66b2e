"""Answers that are no vectors. Each has a JSON body with the key `error`, which Weaviate shows."""

import http
from collections.abc import Mapping
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

SOON = {"Retry-After": "1"}  # seconds
CLOSE = {"Connection": "close"}  # whose body is not waited for


class Refusal(Exception):
    """A request that is not answered with vectors: its HTTP status and a sentence."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


def answer(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The body that Weaviate reads, whatever the status."""
    return JSONResponse({"error": message}, status, headers)


def shown(text: str) -> str:
    """What a stranger wrote, short and without characters that a terminal or a log would obey."""
    return quote(text[:100], safe=" :/[].,;=@+!*'()")


def install(app: FastAPI) -> None:
    """Let nothing leave the app as plain text or under another key."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _unrouted)
    app.add_exception_handler(Exception, _failed)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)
    return answer(error.status, error.message, error.headers)


async def _unrouted(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    phrase = http.HTTPStatus(error.status_code).phrase.lower()
    place = f"{shown(request.method)} {shown(request.scope['path'])}"
    return answer(error.status_code, f"{place}: {phrase}", error.headers)


async def _failed(request: Request, error: Exception) -> JSONResponse:
    return answer(500, f"the service failed ({type(error).__name__}); its log says where")
