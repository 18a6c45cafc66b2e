"""Keeps exported towers below phosphene's home, where the identity of a space finds them.

A tower is a graph with the files that it needs, and a record of the digests of all of them. A record may also
say why a tower could not be exported, so that this is not tried again at each start.
"""

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from phosphene.config import home
from phosphene.embedding.identity import sha256
from phosphene.embedding.towers import TowerKind
from phosphene.embedding.weights import Weights
from phosphene.files import write_whole
from phosphene.records import Space

if TYPE_CHECKING:
    from phosphene.embedding.towers.export import Exporter

FORMAT = 2  # of the files; towers of another format are exported again
LOCK = "lock"
REMEMBERED = 1 << 20  # bytes of a file whose digest is remembered
EXPORTERS = ("torch", "open-clip-torch", "onnxscript", "onnxruntime")  # a newer one may export what failed

# Python prints a logger's warnings on stderr, also in a program that has not set up logging.
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """The exported towers of one space."""

    folder: Path

    def find(self, kind: TowerKind) -> Path | None:
        """The file of a tower's graph, if the tower is here and undamaged."""
        record = self._record(kind)
        if record.get("format") != FORMAT or not isinstance(files := record.get("files"), dict) or not files:
            return None
        undamaged = all(_digest(self.folder / name) == digest for name, digest in files.items())
        return self.graph(kind) if undamaged else None

    def refusal(self, kind: TowerKind) -> str:
        """Why a tower could not be exported with the packages that are installed, or an empty text."""
        record = self._record(kind)
        return str(record.get("refusal", "")) if record.get("exporters") == _exporters() else ""

    def graph(self, kind: TowerKind) -> Path:
        """Where the graph of a tower is kept."""
        return self.folder / f"{kind}.onnx"

    @contextmanager
    def making(self, kind: TowerKind) -> Iterator[Path]:
        """An empty folder for a tower's files, which are kept at the end of the block.

        The caller holds `lock`. Raises OSError if the files cannot be written.
        """
        made = Path(mkdtemp(prefix="part-", dir=self.folder))
        try:
            yield made
            files = sorted(made.iterdir())
            for file in files:
                file.replace(self.folder / file.name)
            digests = {file.name: sha256(self.folder / file.name) for file in files}
            self._write(kind, {"format": FORMAT, "files": digests})
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def refuse(self, kind: TowerKind, reason: str) -> None:
        """Write down why a tower cannot be exported."""
        self._write(kind, {"refusal": reason, "exporters": _exporters()})

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.stat().st_size for file in self.folder.glob("*") if file.is_file())

    def delete(self) -> None:
        """Delete all towers. They are exported again when they are next needed."""
        with self.lock():
            for file in self.folder.iterdir():
                if file.name != LOCK:
                    file.unlink()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Let one process export at a time. Raises OSError if nothing can be written here."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / LOCK):
            for abandoned in self.folder.glob("part-*"):  # of a process that was killed
                shutil.rmtree(abandoned, ignore_errors=True)
            yield

    def _record(self, kind: TowerKind) -> dict[str, Any]:
        try:
            record = json.loads((self.folder / f"{kind}.json").read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return record if isinstance(record, dict) else {}

    def _write(self, kind: TowerKind, record: dict[str, Any]) -> None:
        write_whole(self.folder / f"{kind}.json", json.dumps(record, indent=1).encode())


def graph_of(weights: Weights, space: Space, kind: TowerKind) -> Path | None:
    """The file of a tower, which is exported now if it has not been before. None if the tower runs by torch.

    Raises ModelError if the model cannot be loaded.
    """
    kept = kept_of(space)
    if found := kept.find(kind):
        return found
    if kept.refusal(kind) or (kind == "int8-image" and not graph_of(weights, space, "image")):
        return None
    try:
        with kept.lock():
            return kept.find(kind) or _exported(weights, kept, kind)
    except OSError as error:
        logger.warning(
            "The %s tower of `%s` cannot be kept in `%s` (%s), so it runs by torch, which starts slowly.",
            *(kind, weights.name, kept.folder, error.strerror or error),
        )
        return None


def _exported(weights: Weights, kept: Kept, kind: TowerKind) -> Path | None:
    """Export a tower, or write down why this is not possible. The caller holds the lock.

    Who adds pictures will search them. So the text tower is exported with that for pictures, while the model
    is loaded.
    """
    from phosphene.embedding.towers.export import Exporter

    exporter = Exporter(weights)
    found = _made(exporter, weights, kept, kind)
    if kind == "image" and not kept.find("text") and not kept.refusal("text"):
        _made(exporter, weights, kept, "text")
    return found


def _made(exporter: "Exporter", weights: Weights, kept: Kept, kind: TowerKind) -> Path | None:
    """Export one tower, or write down why this is not possible."""
    from phosphene.embedding.towers.export import NotExportable
    from phosphene.embedding.towers.int8 import quantise

    tower = kind.replace("-", " ")
    logger.warning("Preparing the %s tower of `%s` for quick starts. This happens once.", tower, weights.name)
    try:
        with kept.making(kind) as folder:
            if kind == "int8-image":
                quantise(kept.graph("image"), folder / kept.graph(kind).name)
            else:
                exporter.write(kind, folder / kept.graph(kind).name)
    except NotExportable as refused:
        kept.refuse(kind, str(refused))
        return None
    return kept.graph(kind)


def kept_of(space: Space) -> Kept:
    """The exported towers of a space, whether there are any or not."""
    return Kept(home() / "towers" / space.id.rpartition(":")[2])


def _digest(file: Path) -> str:
    try:
        return sha256(file, remembered_from=REMEMBERED)
    except OSError:
        return ""


def _exporters() -> dict[str, str]:
    return {package: version(package) for package in EXPORTERS}
