"""What waits to be committed in one run of an `add`, and what the run has counted so far."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from phosphene.ingest.commit import commit
from phosphene.ingest.progress import Added, OnProgress, Progress
from phosphene.ingest.worker import Outcome
from phosphene.interrupt import uninterrupted
from phosphene.journal import Journal, Refused, Seen
from phosphene.memory import trim_memory
from phosphene.records import Failure
from phosphene.sources import uri_in
from phosphene.store import Store

COMMIT_IMAGES = 512  # images in a commit: a few large commits are cheaper for the store than many small ones
COMMIT_SECONDS = 5.0  # seconds between commits: a kill loses no more work than that


class Committer:
    """Commits the outcomes of one run, whichever engine has worked them out. It is the only writer."""

    def __init__(
        self, store: Store, journal: Journal, tell: OnProgress, commit_images: int = COMMIT_IMAGES
    ) -> None:
        self.store, self.journal, self.tell = store, journal, tell
        self.commit_images = commit_images
        self.waiting: list[Outcome] = []
        self.failures: list[Failure] = []
        self.total: int | None = None  # the number of items, once the source has yielded the last one
        self.done = self.added = self.unchanged = 0
        self.started = self.committed = time.monotonic()

    def take(self, found: Sequence[Outcome]) -> None:
        """Take the outcomes of items."""
        self.waiting += found
        self.done += len(found)

    def count_same(self, same: Sequence[Seen | Refused]) -> None:
        """Count items that are as they were. There is nothing to commit."""
        refused = [Failure(was.uri, was.reason) for was in same if isinstance(was, Refused)]
        self.failures += refused
        self.done += len(same)
        self.unchanged += len(same) - len(refused)

    def fail(self, failures: Iterable[Failure]) -> None:
        """Note what the source itself could not read."""
        folder = self.journal.folder
        self.failures += [replace(one, uri=uri_in(folder, one.uri)) for one in failures]

    def tick(self) -> None:
        """Commit if enough waits for it or the last commit was long ago, and tell the progress."""
        late = time.monotonic() - self.committed > COMMIT_SECONDS
        if late or len(self.waiting) >= self.commit_images:
            self.commit()
        self._report()

    def commit(self) -> None:
        """Commit what waits. Ctrl-C takes effect afterwards."""
        with uninterrupted():
            if self.waiting:
                new = commit(self.waiting, self.store, self.journal)
                refused = [one for one, _ in self.waiting if isinstance(one, Refused)]
                self.failures += [Failure(one.uri, one.reason) for one in refused]
                self.added += new
                self.unchanged += len(self.waiting) - len(refused) - new
                trim_memory()  # what the store used to merge its files
            self.waiting = []
            self.committed = time.monotonic()

    def result(self) -> Added:
        """The result of the run."""
        self._report()
        failures = tuple(sorted(self.failures, key=lambda failure: failure.uri))
        return Added(self.added, self.unchanged, failures, time.monotonic() - self.started)

    def _report(self) -> None:
        seconds = time.monotonic() - self.started
        self.tell(Progress(self.done, self.total, self.added, len(self.failures), seconds))
