"""Requests to the hub, whose failures become sentences. HF_ENDPOINT, HF_TOKEN and proxies are honoured."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from phosphene.config import offline
from phosphene.errors import ModelError
from phosphene.keys import masked

if TYPE_CHECKING:
    import httpx

TIMEOUT = 10.0  # seconds without an answer, or without a byte of one
INVALID = "Invalid credentials in Authorization header"  # what the hub says of an unknown token


class HubError(ModelError):
    """The hub cannot be reached, or does not give what was asked for."""


def endpoint() -> str:
    """The address of the hub. `HF_ENDPOINT` names another one than huggingface.co."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


@contextmanager
def answer(
    path: str, repository: str, headers: Mapping[str, str] | None = None
) -> Iterator["httpx.Response"]:
    """The answer to a GET request, whose body has not been read yet. Raises HubError unless it is a success.

    `path` begins with a slash, and `repository` is named in errors.
    """
    if offline():
        raise HubError("The network is not used, because `--offline` or HF_HUB_OFFLINE says so.")
    import httpx

    try:
        with (
            httpx.Client(follow_redirects=True, timeout=TIMEOUT, headers=_headers()) as client,
            client.stream("GET", endpoint() + path, headers=headers) as response,
        ):
            _check(response, repository)
            yield response
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = masked(str(error).strip() or type(error).__name__)
        raise HubError(f"The hub {endpoint()} cannot be reached ({reason}).") from error


def body(response: "httpx.Response", most: int, repository: str) -> bytes:
    """The content of an answer. Raises HubError if it has more than `most` bytes."""
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > most:
            raise HubError(f"The hub's answer about `{repository}` has more than {most:,} bytes.")
    return bytes(content)


def _headers() -> dict[str, str]:
    from huggingface_hub import get_token

    # Ranges count the bytes of the file, so the hub must not compress them.
    headers = {"User-Agent": "phosphene", "Accept-Encoding": "identity"}
    token = get_token()
    if token and not token.isascii():
        raise HubError("HF_TOKEN contains a character that is not ASCII.", "set HF_TOKEN to the token alone")
    return headers | ({"Authorization": f"Bearer {token}"} if token else {})


def _check(response: "httpx.Response", repository: str) -> None:
    """Raise HubError for an answer that is not a success."""
    if response.is_success:
        return
    status, code = response.status_code, response.headers.get("X-Error-Code", "")
    if code == "GatedRepo":
        raise HubError(
            f"`{repository}` is only open to users who have accepted its terms.",
            f"accept its terms on {endpoint()}/{repository}, and log in with `hf auth login`",
        )
    if response.headers.get("X-Error-Message") == INVALID:
        raise HubError("The hub does not know the token in HF_TOKEN.", "log in again with `hf auth login`")
    if code in ("RevisionNotFound", "EntryNotFound"):
        raise HubError(f"`{repository}` has no such revision or file: {response.url.path}.", "check its name")
    if code == "RepoNotFound" or status in (401, 404):  # 401: for all that a stranger may not see
        raise HubError(f"The hub has no repository `{repository}`.", "check its spelling")
    raise HubError(f"The hub {endpoint()} answered with status {status}.", "try again later")
