"""Adding pictures: look at each file, embed what is new, commit it, note it in the journal.

    items ─► compare with the journal ─► read, hash, decode, embed ─► store ─► journal
             main thread                 one worker per core          main thread

Every worker takes a batch through all its steps on one core. No thread waits for another in the
middle of a forward pass, which costs a fifth less time than one pass on all cores (docs/log.md).

What becomes of a file follows from its bytes alone, and what becomes of an image from the files
that are it:
- the same bytes are the same image: a copy or a moved file is embedded once, with the captions of all;
- changed bytes are another image, and the old one leaves the library once no file is it any more;
- a file that has gone leaves its image where it is: `remove --missing` is for that;
- a file that is no picture is refused, and not tried again until its size or its time changes.

The store is written before the journal: a kill in between costs a rerun a second look, no more.
"""

import hashlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from phosphene.config import cores
from phosphene.embedding import Embedder
from phosphene.errors import ImageError, StoreError
from phosphene.images import decode, image_id, read, thumbnail
from phosphene.journal import Journal, Refused, Seen
from phosphene.lock import uninterrupted, writing
from phosphene.records import Failure, Filter, Image
from phosphene.sources import Item, to_path, to_uri
from phosphene.store import Store

TRAINING = Filter(origin="training")
COMMIT_IMAGES = 512  # a commit costs the store some 50 ms, whatever its size,
COMMIT_SECONDS = 5.0  # and a kill costs what was not committed
LOOK_AHEAD = 2  # batches in flight per worker: one in work, one ready
SURPLUS = 2  # decode to at least so many times the model's input: cosine ≥ 0.9999 to the full picture


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an `add` is: files done of all, pictures added so far, and what it waits for."""

    done: int
    total: int
    added: int = 0
    failed: int = 0
    seconds: float = 0.0
    note: str = ""

    @property
    def rate(self) -> float:
        """Files per second so far."""
        return self.done / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Added:
    """What an `add` did with its files: new images, files whose image was there, and failures."""

    added: int
    unchanged: int
    failures: tuple[Failure, ...]
    seconds: float

    @property
    def failed(self) -> int:
        """How many files could not be added, now or before."""
        return len(self.failures)

    @property
    def images_per_second(self) -> float:
        """New images per second, end to end."""
        return self.added / self.seconds if self.seconds else 0.0


OnProgress = Callable[[Progress], None]


def add(
    items: Iterable[Item],
    *,
    embedder: Embedder,
    store: Store,
    journal: Journal,
    on_progress: OnProgress | None = None,
    batch: int = 16,
) -> Added:
    """Add files to a library, as the module says. Adding twice changes nothing.

    Files that fail are counted with their reasons, never raised. Where another process adds to
    the same library, waits for it and says so to `on_progress`. Ctrl-C commits what is embedded
    and then raises KeyboardInterrupt. Raises StoreError where store or journal cannot be written;
    what was committed before stays.
    """
    files = list(items)
    tell = on_progress or (lambda progress: None)
    with writing(journal.folder, lambda who: tell(Progress(0, len(files), note=f"waiting for {who}"))):
        return _Adding(embedder, store, journal, tell, len(files), batch).run(files)
