"""A hub of the tests' own: a real HTTP server with the routes that a download needs."""

import hashlib
import json
import threading
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "5" * 40
LARGE = (".safetensors", ".bin", ".gguf")  # files that the hub keeps in git's large file storage


class HubServer:
    """Repositories in folders, and what goes wrong with them.

    `asked` are the paths of all requests, with the range if there is one.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, Path] = {}
        self.asked: list[tuple[str, str]] = []
        self.tokens: list[str] = []  # of all requests
        self.storage: HubServer | None = None  # another server, which has the files
        self.cut_after: int | None = None  # every answer with a file ends after so many bytes
        self.damaged: set[str] = set()  # files whose last byte is another one
        self.ignores_ranges = False
        self.gated: set[str] = set()
        self.sizes: dict[str, int] = {}  # other sizes than the files have
        self.licences: dict[str, str] = {}
        self.listings: dict[str, Any] = {}  # other descriptions of repositories than the true ones
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))

    @property
    def url(self) -> str:
        """The address, for HF_ENDPOINT."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Answer requests in threads."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Answer no more requests."""
        self._server.shutdown()
        self._server.server_close()

    def downloaded(self) -> list[str]:
        """The files that were asked for, without the folders that they are in."""
        return [path.rpartition("/")[2] for path, _ in self.asked if "/resolve/" in path]

    def listing(self, folder: Path) -> dict[str, Any]:
        """What the hub says about a repository."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {"sha": COMMIT, "siblings": [self._sibling(folder, file) for file in files]}

    def _sibling(self, folder: Path, file: Path) -> dict[str, Any]:
        path, content = str(file.relative_to(folder)), file.read_bytes()
        size = self.sizes.get(path, len(content))
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        entry: dict[str, Any] = {"rfilename": path, "size": size, "blobId": blob}
        if file.suffix in LARGE:
            sha256 = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"sha256": sha256, "size": size, "pointerSize": 134}
        return entry


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, hub: HubServer, *arguments: Any) -> None:
        self.hub = hub
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self.hub.asked.append((self.path, self.headers.get("Range", "")))
        self.hub.tokens.append(self.headers.get("Authorization", ""))
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/"):
            return self.describe(path.removeprefix("/api/models/").partition("/revision/")[0])
        if self.hub.storage:
            return self.refer(self.hub.storage)
        repository, _, file = path.removeprefix("/").partition("/resolve/")
        self.send(repository, file.partition("/")[2])

    def describe(self, repository: str) -> None:
        folder = self.hub.repositories.get(repository)
        if folder is None:
            return self.refuse(401, "RepoNotFound")
        card = {"cardData": {"license": self.hub.licences.get(repository)}}
        listing = self.hub.listings.get(repository, card | self.hub.listing(folder))
        self.answer(200, json.dumps(listing).encode())

    def refer(self, storage: HubServer) -> None:
        self.send_response(302)
        self.send_header("Location", f"{storage.url}{self.path}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send(self, repository: str, path: str) -> None:
        file = self.hub.repositories[repository] / path
        if repository in self.hub.gated:
            return self.refuse(403, "GatedRepo")
        if not file.is_file():
            return self.refuse(404, "EntryNotFound")
        content = file.read_bytes()
        if path in self.hub.damaged:
            content = content[:-1] + bytes([content[-1] ^ 1])
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        if first and not self.hub.ignores_ranges:
            return self.answer(206, content[first:])
        self.answer(200, content)

    def answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        is_file = "/resolve/" in self.path
        with suppress(ConnectionError):  # the client is gone, for example because its user pressed Ctrl-C
            self.wfile.write(content[: self.hub.cut_after] if is_file else content)

    def refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Print nothing."""
