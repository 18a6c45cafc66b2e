"""The two tables of an embedded store: opening them, protecting them from power cuts, and repairing them.

LanceDB does not wait until its files are on the disk. Here, a write returns only when they are, see
`durable`. After a power cut during a write, the newest version may be damaged. The intact part is then read
with a warning, see `recovery`. The next write moves the damaged files aside.
"""

import shutil
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING, Any

from phosphene.errors import Damage
from phosphene.files import aside_in
from phosphene.store import image_schema
from phosphene.store.lance.durable import Durable
from phosphene.store.lance.problems import LOCK_TIMEOUT, lock, store_errors
from phosphene.store.lance.recovery import Recovered, mend, recover, view
from phosphene.store.lance.versions import Fragment

if TYPE_CHECKING:
    import pyarrow as pa

NAMES = ("images", "thumbnails")


class Tables:
    """The tables in a folder. `indexed` is false if the index of the images is damaged."""

    def __init__(self, folder: Path, lock_timeout: float = LOCK_TIMEOUT) -> None:
        self._folder, self._lock_timeout = folder, lock_timeout
        self._paths = {name: folder / f"{name}.lance" for name in NAMES}
        self._durable = [Durable(path) for path in self._paths.values()]
        self._view: weakref.finalize[[Path], Tables] | None = None  # removes the folder of `_viewed`
        self._opened: dict[str, Any] = {}  # Any, because LanceDB's annotations are not always right
        with store_errors(folder, "read"):
            self._look()

    @staticmethod
    def create(folder: Path, images: "pa.Schema") -> None:
        """Make the tables in a folder. That of the images has this schema, and is made last."""
        database = _connect(folder)
        database.create_table("thumbnails", schema=image_schema.blobs(), exist_ok=True)
        database.create_table("images", schema=images)

    @property
    def images(self) -> Any:
        """The table of the images."""
        return self._open()["images"]

    @property
    def thumbnails(self) -> Any:
        """The table of the thumbnails."""
        return self._open()["thumbnails"]

    @property
    def opened(self) -> bool:
        """Whether a table was needed yet."""
        return bool(self._opened)

    def version(self, name: str, number: int) -> Any:
        """A version of a table that does not change."""
        table = _connect(self._folder).open_table(name)
        table.checkout(number)
        return table

    @property
    def damaged(self) -> bool:
        """Whether some of the files were damaged when the tables were opened."""
        return self._view is not None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock for writing. At the end, everything that was written is on the disk."""
        with store_errors(self._folder, "written"), lock(self._folder, self._lock_timeout):
            if self.damaged:
                self._mend()
            yield
            self.flush()

    def flush(self) -> None:
        """Flush everything that was committed to the disk."""
        for table in self._durable:
            table.flush()

    def mend(self) -> None:
        """Read every row. Make what can be read the newest version, and move the rest aside."""
        with store_errors(self._folder, "written"), lock(self._folder, self._lock_timeout):
            self._mend(readable)
            self.flush()

    def _look(self) -> None:
        """Look for damage. If there is none, the tables are opened when they are needed."""
        found = {name: recover(path) for name, path in self._paths.items()}
        self.indexed = found["images"].indexed
        self._place = self._folder
        self._opened = {}
        if not all(each.clean for each in found.values()):
            self._place = self._viewed(**found)

    def _open(self) -> dict[str, Any]:
        if not self._opened:
            # With an interval of zero, every read checks for a newer version first (0.3 ms).
            database = _connect(self._place, read_consistency_interval=timedelta(0))
            self._opened = {name: database.open_table(name) for name in NAMES}
        return self._opened

    def _viewed(self, images: Recovered, thumbnails: Recovered) -> Path:
        """Make a folder that shows the intact part. It is removed when these tables are not used any more."""
        if images.version is None:
            raise ValueError("none of its versions is intact")
        place = Path(mkdtemp(prefix="phosphene-"))
        self._view = weakref.finalize(self, shutil.rmtree, place)
        view(images, place)
        if thumbnails.version is None:
            _connect(place).create_table("thumbnails", schema=image_schema.blobs())
        else:
            view(thumbnails, place)
        warnings.warn(Damage(str(self._folder), images.rows), stacklevel=2)
        return place

    def _mend(self, check: Callable[[Recovered], Recovered] = lambda found: found) -> None:
        aside = aside_in(self._folder.parent) / self._folder.name
        indexed = True
        for name, path in self._paths.items():
            found = check(recover(path))
            if found.version is None and name == "thumbnails":
                if path.exists():
                    aside.mkdir(parents=True, exist_ok=True)
                    path.rename(aside / path.name)
                _connect(self._folder).create_table(name, schema=image_schema.blobs())
            elif not found.whole:
                mend(found, aside)
            indexed = indexed and found.indexed
        if not indexed:
            self._drop_index(aside)
        if self._view is not None:
            self._view()
            self._view = None
        self._look()

    def _drop_index(self, aside: Path) -> None:
        """Remove a damaged index. A search compares with every image until a write builds a new index."""
        table = _connect(self._folder).open_table("images")
        for index in table.list_indices():
            table.drop_index(index.name)
        damaged = self._paths["images"] / "_indices"
        (aside / damaged.parent.name).mkdir(parents=True, exist_ok=True)
        damaged.rename(aside / damaged.parent.name / damaged.name)


def _connect(folder: Path, **settings: Any) -> Any:
    import lancedb  # takes 1.6 seconds of the CPU

    return lancedb.connect(folder, **settings)


def readable(found: Recovered) -> Recovered:
    """The recovered part, without files that look complete and cannot be read."""
    if found.version is None or _is_readable(found, found.kept):
        return found
    kept = tuple(fragment for fragment in found.kept if _is_readable(found, (fragment,)))
    return replace(found, kept=kept)


def _is_readable(found: Recovered, fragments: tuple[Fragment, ...]) -> bool:
    """Whether every row of these fragments can be read."""
    with TemporaryDirectory(prefix="phosphene-") as place:
        view(replace(found, kept=fragments), Path(place))
        table = _connect(Path(place)).open_table(found.table.stem)
        try:
            for _ in table.search().to_batches():
                pass
        except (OSError, RuntimeError, ValueError):  # what LanceDB raises, see `problems`
            return False
    return True
