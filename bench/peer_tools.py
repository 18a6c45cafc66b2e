"""phosphene, rclip and clip-retrieval: how each of them adds a folder of pictures and is asked for words."""

import json
import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import peer_environments
from peer_weights import ARCHITECTURE, Weights
from processes import Command, run

from phosphene.vectors import Vector

BENCH = Path(__file__).parent
WORDS = "a photograph"  # rclip asks something at every call


class Tool(Protocol):
    """A program that finds pictures by words. An index is a folder of its own."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def version(self) -> str:
        """Its version."""
        ...

    @property
    def reruns(self) -> bool:
        """Whether it skips files that have not changed."""
        ...

    def empty(self, index: Path) -> None:
        """Make an index without pictures."""
        ...

    def fill(self, pictures: Path, index: Path) -> None:
        """Index a folder by the tool's own code, with a model that costs nothing."""
        ...

    def add(self, pictures: Path, index: Path) -> Command:
        """Index a folder."""
        ...

    def search(self, words: str, pictures: Path, index: Path, count: int = 10) -> Command:
        """Find the pictures nearest to some words."""
        ...

    def found(self, output: str) -> list[str]:
        """The names of the files that a search has printed, best first."""
        ...

    def vectors(self, index: Path) -> Mapping[str, Vector]:
        """The unit vectors in an index, by the names of their files."""
        ...


@dataclass(frozen=True, slots=True)
class Phosphene:
    """The phosphene of this checkout, in the environment of the running bench."""

    weights: Weights
    home: Path
    name: str = "phosphene"
    reruns: bool = True

    @property
    def version(self) -> str:
        """The version of this checkout."""
        import phosphene

        return phosphene.__version__

    @property
    def model(self) -> str:
        """The model as `--model` takes it."""
        return f"{ARCHITECTURE}@{self.weights.state}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its commands."""
        return {"PYTHONPATH": str(BENCH.parent / "plugin"), "PHOSPHENE_HOME": str(self.home)}

    def command(self, *words: str | Path) -> Command:
        """A command line of phosphene."""
        return Command([sys.executable, "-m", "phosphene", *words], environment=self.environment)

    def empty(self, index: Path) -> None:
        """There is no library before pictures are added."""
        shutil.rmtree(index, ignore_errors=True)

    def fill(self, pictures: Path, index: Path) -> None:
        """Add the folder in a process of its own."""
        script = BENCH / "fill_phosphene.py"
        run(Command([sys.executable, script, pictures, index, self.model], environment=self.environment))

    def add(self, pictures: Path, index: Path) -> Command:
        """`phosphene add`."""
        return self.command("-L", index, "add", pictures, "--model", self.model)

    def search(self, words: str, pictures: Path, index: Path, count: int = 10) -> Command:
        """`phosphene search`."""
        return self.command("-L", index, "search", words, "-n", str(count), "--json")

    def found(self, output: str) -> list[str]:
        """Each line is a JSON object."""
        return [Path(json.loads(line)["uri"]).name for line in output.splitlines()]

    def vectors(self, index: Path) -> Mapping[str, Vector]:
        """The vectors in the library's store."""
        from phosphene.store.lance.store import LanceStore

        (folder,) = (path.parent for path in index.rglob("images.lance"))
        images = LanceStore.open(folder).iterate(vectors=True)
        return {Path(image.uri).name: image.vector for image in images}


@dataclass(frozen=True, slots=True)
class Rclip:
    """rclip, which indexes the current folder and then searches it."""

    python: Path
    weights: Weights
    name: str = "rclip"
    reruns: bool = True

    @property
    def version(self) -> str:
        """The version in its environment."""
        return peer_environments.version(self.python, self.name)

    def empty(self, index: Path) -> None:
        """A data folder that has the model and no database."""
        shutil.rmtree(index, ignore_errors=True)
        shutil.copytree(self.weights.rclip, index, copy_function=os.link)

    def fill(self, pictures: Path, index: Path) -> None:
        """Call its indexing in its environment."""
        self.empty(index)
        run(Command([self.python, BENCH / "fill_rclip.py", pictures, index]))

    def add(self, pictures: Path, index: Path) -> Command:
        """It has no command that only adds, so it also searches."""
        return self._command([WORDS, "--top", "1"], pictures, index)

    def search(self, words: str, pictures: Path, index: Path, count: int = 10) -> Command:
        """A search that does not look for new pictures first."""
        return self._command([words, "--top", str(count), "--no-indexing"], pictures, index)

    def _command(self, words: list[str], pictures: Path, index: Path) -> Command:
        program = self.python.with_name("rclip")
        return Command([program, *words, "--filepath-only"], pictures, {"RCLIP_DATADIR": str(index)})

    def found(self, output: str) -> list[str]:
        """Each line is a path."""
        return [Path(line).name for line in output.splitlines()]

    def vectors(self, index: Path) -> Mapping[str, Vector]:
        """The vectors in its database."""
        with sqlite3.connect(index / "db.sqlite3") as database:
            rows = database.execute("SELECT filepath, vector FROM images").fetchall()
        return {Path(path).name: np.frombuffer(vector, np.float32) for path, vector in rows}


@dataclass(frozen=True, slots=True)
class ClipRetrieval:
    """clip-retrieval: `inference` embeds pictures, and `index` makes an index of faiss."""

    python: Path
    weights: Weights
    workers: int
    name: str = "clip-retrieval"
    reruns: bool = False

    @property
    def version(self) -> str:
        """The version in its environment."""
        return peer_environments.version(self.python, self.name)

    @property
    def model(self) -> str:
        """The model as `--clip_model` takes it."""
        return f"open_clip:{ARCHITECTURE}/{self.weights.state}"

    def empty(self, index: Path) -> None:
        """There is no folder before pictures are embedded."""
        shutil.rmtree(index, ignore_errors=True)

    def fill(self, pictures: Path, index: Path) -> None:
        """Write vectors as its `inference` does, and call its `index`."""
        self.empty(index)
        run(Command([self.python, BENCH / "fill_clip_retrieval.py", pictures, index]))

    def add(self, pictures: Path, index: Path) -> Command:
        """`inference` alone. Batches of 16 keep its warm-up short, which embeds two batches."""
        options = {
            "input_dataset": pictures,
            "output_folder": index / "embeddings",
            "enable_text": False,
            "clip_model": self.model,
            "batch_size": 16,
            "num_prepro_workers": self.workers,
        }
        words = [f"--{name}={value}" for name, value in options.items()]
        return Command([self.python.with_name("clip-retrieval"), "inference", *words])

    def make_searchable(self, index: Path) -> Command:
        """`index`, which makes embedded pictures searchable."""
        folders = [f"--embeddings_folder={index / 'embeddings'}", f"--index_folder={index / 'index'}"]
        return Command([self.python.with_name("clip-retrieval"), "index", *folders])

    def search(self, words: str, pictures: Path, index: Path, count: int = 10) -> Command:
        """A search as in its service."""
        script = BENCH / "search_clip_retrieval.py"
        return Command([self.python, script, index, self.model, str(count), words])

    def found(self, output: str) -> list[str]:
        """The lines that are paths, among what the libraries print."""
        return [Path(line).name for line in output.splitlines() if line.endswith(".jpg")]

    def vectors(self, index: Path) -> Mapping[str, Vector]:
        """The vectors in its files."""
        from pyarrow.parquet import read_table

        embeddings = index / "embeddings"
        paths = read_table(embeddings / "metadata" / "metadata_0.parquet")["image_path"].to_pylist()
        vectors = np.load(embeddings / "img_emb" / "img_emb_0.npy").astype(np.float32)
        return {Path(path).name: vector for path, vector in zip(paths, vectors, strict=True)}


def warm_up(output: str) -> float:
    """The seconds of clip-retrieval's warm-up, which it prints."""
    found = re.search(r"done warming up in ([\d.]+)s", output)
    return float(found[1]) if found else 0.0
