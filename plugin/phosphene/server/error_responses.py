"""Responses that hold no vectors. Each has a JSON body with the key `error`, which Weaviate shows."""

import http
from collections.abc import Mapping
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

RETRY_SOON = {"Retry-After": "1"}  # seconds
CLOSE_CONNECTION = {"Connection": "close"}  # the rest of the body is not read


class RequestError(Exception):
    """A request that gets no vectors: the HTTP status of its response, and a sentence that says why."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Make the response that Weaviate reads, whatever the status."""
    return JSONResponse({"error": message}, status, headers)


def escaped(text: str) -> str:
    """Shorten and escape what a stranger wrote, so that no terminal and no log obeys its characters."""
    return quote(text[:100], safe=" :/[].,;=@+!*'()")


def install_handlers(app: FastAPI) -> None:
    """Answer every error in JSON under the key `error`; FastAPI has plain text and other keys."""
    app.add_exception_handler(RequestError, _on_request_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_failure)


async def _on_request_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestError)
    return error_response(error.status, error.message, error.headers)


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    phrase = http.HTTPStatus(error.status_code).phrase.lower()
    request_line = f"{escaped(request.method)} {escaped(request.scope['path'])}"
    return error_response(error.status_code, f"{request_line}: {phrase}.", error.headers)


async def _on_failure(request: Request, error: Exception) -> JSONResponse:
    return error_response(500, f"The service failed ({type(error).__name__}). Its log has the traceback.")
