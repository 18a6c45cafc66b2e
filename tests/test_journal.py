"""The journal remembers what it was told, through kills, copies, full disks and newer versions."""

import os
import resource
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from phosphene.errors import LibraryError, StoreError
from phosphene.journal import Journal, Refused, Seen
from phosphene.journal.database import Database
from phosphene.journal.kept_vectors import MAX_TEXTS, KeptVectors
from phosphene.records import Failure
from pictures import open_to_all

A, B, C = (Seen(f"/{name}.jpg", "10-1", "id-a" if name == "c" else f"id-{name}", (name,)) for name in "abc")
BAD = Refused("/bad.jpg", "10-1", "it is cut off or damaged")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


def test_recorded_files_are_known(journal: Journal) -> None:
    journal.record([A, B, C])
    assert journal.known([A.uri, B.uri, "/other.jpg"]) == {A.uri: A, B.uri: B}
    assert journal.places(["id-a", "id-x"]) == {"id-a": [A, C]}
    assert journal.ids() == {"id-a", "id-b"}
    assert journal.holds("id-b")
    assert not journal.holds("id-x")


def test_many_files_are_asked_for_at_once(journal: Journal) -> None:
    files = [Seen(f"/{number}.jpg", f"{number}-{number}", f"id-{number}") for number in range(33_000)]
    journal.record(files)
    assert (
        len(journal.known(file.uri for file in files))
        == len(journal.places(file.id for file in files))
        == 33_000
    )


@pytest.mark.parametrize(
    "uri", ["/two\nlines.jpg", "/$(rm).jpg", "/'; DROP TABLE files; --.jpg", "/снег 🏠.jpg"]
)
def test_any_name_comes_back(journal: Journal, uri: str) -> None:
    seen = Seen(uri, f"1-{2**62}", "id", (uri, "'"))
    journal.record([seen])
    assert journal.known([uri]) == {uri: seen}


def test_a_file_that_was_refused_is_remembered_until_it_is_added(journal: Journal) -> None:
    journal.record([A], [BAD])
    assert journal.refused([BAD.uri, A.uri]) == {BAD.uri: BAD}
    assert journal.failures() == [Failure(BAD.uri, BAD.reason)]
    journal.record([Seen(BAD.uri, "11-2", "id-now")])
    assert journal.failures() == []


def test_a_file_whose_content_was_refused_is_no_image_any_more(journal: Journal) -> None:
    journal.record([A, B])
    journal.record(
        [], [Refused(A.uri, "3-2", "it is cut off or damaged"), Refused(B.uri, "", "permission denied")]
    )
    assert journal.known([A.uri, B.uri]) == {B.uri: B}
    assert [failure.uri for failure in journal.failures()] == [A.uri, B.uri]


def test_forgetting_an_image_forgets_all_its_files(journal: Journal) -> None:
    journal.record([A, B, C], [BAD])
    journal.forget(["id-a"])
    assert journal.ids() == {"id-b"}
    assert journal.failures()


def test_a_table_of_somebody_else_keeps_no_vectors(journal: Journal) -> None:
    with sqlite3.connect(journal.path) as database:
        database.execute("CREATE TABLE pictures (key TEXT)")
    journal.pictures.keep("a" * 64, "here", np.ones(2, dtype=np.float32))
    assert journal.pictures.get("a" * 64, "here") is None


@pytest.mark.parametrize("table", ["texts", "pictures"])
def test_vectors_are_kept_by_name_and_space(journal: Journal, table: str) -> None:
    vectors, vector = getattr(journal, table), np.arange(5, dtype=np.float32)
    assert vectors.get("a house", "here") is None
    vectors.keep("a house", "here", vector)
    vectors.keep("a house", "here", vector + 1)
    vectors.keep("half a letter \ud83d", "here", vector)
    kept = vectors.get("a house", "here")
    assert kept.dtype == np.float32
    assert np.array_equal(kept, vector + 1)
    assert vectors.get("a house", "elsewhere") is None
    assert vectors.get("half a letter \ud83d", "here") is not None


def test_the_oldest_texts_go_first(tmp_path: Path) -> None:
    texts = KeptVectors(Database(tmp_path / "journal.sqlite"), "texts", limit=3)
    for number in range(5):
        texts.keep(str(number), "here", np.ones(2, dtype=np.float32))

    assert MAX_TEXTS > 1000
    assert [texts.get(str(number), "here") is not None for number in range(5)] == [False] * 2 + [True] * 3


def test_many_threads_write_and_read_at_once(journal: Journal) -> None:
    def work(number: int) -> None:
        for step in range(20):
            journal.record([Seen(f"/{number}-{step}.jpg", "1-1", f"id-{number}")])
            assert journal.holds(f"id-{number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(journal.ids()) == 4


def test_two_processes_may_have_it_open(journal: Journal) -> None:
    other = Journal(journal.path)
    other.record([A])
    assert journal.known([A.uri]) == {A.uri: A}
    other.close()


def test_the_file_alone_can_be_moved(journal: Journal, tmp_path: Path) -> None:
    journal.record([A], [BAD])
    (tmp_path / "moved").mkdir()
    shutil.copy(journal.path, tmp_path / "moved/journal.sqlite")
    moved = Journal(tmp_path / "moved/journal.sqlite")
    assert moved.folder == tmp_path / "moved"
    assert moved.known([A.uri]) == {A.uri: A}
    moved.close()
    assert [path.name for path in tmp_path.glob("journal*")] == ["journal.sqlite"]


# ── faults ────────────────────────────────────────────────────────────────────────────────


def test_a_newer_version_is_refused_by_name(journal: Journal) -> None:
    with sqlite3.connect(journal.path) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(
        LibraryError, match=r"version 99. This version of phosphene reads up to version 1"
    ) as caught:
        Journal(journal.path)
    assert "upgrade" in caught.value.hint


DAMAGES: dict[str, Callable[[Path], object]] = {
    "of something else": lambda file: file.write_bytes(b"not a database " * 100),
    "cut in its header": lambda file: os.truncate(file, 60),
    "cut in a page": lambda file: os.truncate(file, 5000),
    "cut by a page": lambda file: os.truncate(file, file.stat().st_size - 4096),
    "of zeros": lambda file: file.write_bytes(bytes(file.stat().st_size)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_left_as_it_is_and_an_empty_journal_stands_for_it(
    journal: Journal, damage: str
) -> None:
    journal.record(Seen(f"/{number}.jpg", "1-1", f"id-{number}") for number in range(500))
    DAMAGES[damage](journal.path)
    left = journal.path.read_bytes()

    opened = Journal(journal.path)

    assert opened.problems()
    assert opened.ids() == set()
    opened.texts.keep("a house", "here", np.ones(2, dtype=np.float32))
    assert opened.texts.get("a house", "here") is not None
    assert journal.path.read_bytes() == left
    opened.close()


def test_a_journal_that_is_begun_again_keeps_the_damaged_file(journal: Journal) -> None:
    journal.path.write_bytes(b"not a database")
    opened = Journal(journal.path)

    aside = opened.restart()
    opened.record([A])

    assert (aside / "journal.sqlite").read_bytes() == b"not a database"
    assert aside.parent == journal.folder / "set-aside"
    assert opened.problems() == []
    other = Journal(journal.path)
    assert other.ids() == {"id-a"}
    other.close()
    opened.close()


def test_a_page_that_is_damaged_is_found_and_stops_no_search(journal: Journal) -> None:
    vector = np.ones(512, dtype=np.float32)
    for number in range(40):
        journal.texts.keep(f"text {number}", "here", vector)
    journal.close()
    content = bytearray(journal.path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    journal.path.write_bytes(content)

    opened = Journal(journal.path)

    assert [opened.texts.get(f"text {number}", "here") for number in range(40)].count(None) > 20
    opened.texts.keep("another", "here", vector)
    assert opened.problems()
    assert opened.damaged
    assert opened.ids() == set()
    opened.close()


def test_removed_images_are_remembered_until_they_come_back(journal: Journal) -> None:
    assert journal.removed() == set()
    journal.record([A, B])
    journal.remove(["id-a", "id-b", "id-generated"])
    assert (journal.ids(), journal.removed()) == (set(), {"id-a", "id-b", "id-generated"})
    journal.take_back(["id-a", "id-other"])
    assert journal.removed() == {"id-b", "id-generated"}


def test_an_empty_file_is_a_new_journal(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").touch()
    journal = Journal(tmp_path / "journal.sqlite")
    journal.record([A])
    assert (journal.ids(), journal.problems()) == ({"id-a"}, [])
    journal.close()


def as_nobody(deed: Callable[[Path], object], folder: Path) -> None:
    """Do some work in a process without root's right to write everywhere."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            deed(folder)
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("state", ["whole", "with a write that was killed", "not there", "empty"])
def test_a_journal_that_may_only_be_read_is_read(tmp_path: Path, state: str) -> None:
    open_to_all(tmp_path)
    path = tmp_path / "library" / "journal.sqlite"
    path.parent.mkdir()
    journal = Journal(path)
    journal.record([A])
    journal.close()
    if state == "with a write that was killed":
        path.with_name("journal.sqlite-journal").write_bytes(HOT)
    if state in ("not there", "empty"):
        path.unlink()
        path.touch() if state == "empty" else None
    for each in (*path.parent.iterdir(), path.parent):
        each.chmod(0o555 if each.is_dir() else 0o444)
    before = {each.name: each.read_bytes() for each in path.parent.iterdir()}

    def read(path: Path) -> None:
        journal = Journal(path)
        assert journal.ids() == (set() if state in ("not there", "empty") else {"id-a"})
        assert journal.texts.get("a house", "here") is None
        journal.texts.keep("a house", "here", np.ones(2, dtype=np.float32))

    as_nobody(read, path)
    assert {each.name: each.read_bytes() for each in path.parent.iterdir()} == before
    path.parent.chmod(0o755)


# The header of a rollback journal of one page that was being written when its process was killed.
HOT = bytes.fromhex("d9d505f920a163d7") + struct.pack(">IIIII", 1, 0, 1, 512, 4096)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="cannot be used"):
        Journal(tmp_path / "gone" / "journal.sqlite")


def test_a_full_disk_is_an_error_and_loses_nothing(journal: Journal) -> None:
    journal.record([A])
    with (
        full_disk(journal.path.stat().st_size),
        pytest.raises(StoreError, match="cannot be written") as caught,
    ):
        journal.record([Seen(f"/{number}.jpg", "1-1", "x" * 5000) for number in range(100)])
    assert "free some space" in caught.value.hint
    assert journal.ids() == {"id-a"}
    journal.record([B])
    assert journal.ids() == {"id-a", "id-b"}


def test_a_text_that_cannot_be_kept_stops_no_search(journal: Journal) -> None:
    with full_disk(0):
        journal.texts.keep("a house", "here", np.ones(2, dtype=np.float32))
    assert journal.texts.get("a house", "here") is None


class full_disk:
    """Limit files of this process to `size` bytes, as a full disk does."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __enter__(self) -> None:
        self.before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.before[1]))

    def __exit__(self, *error: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self.before)


# ── kills ─────────────────────────────────────────────────────────────────────────────────

WRITER = textwrap.dedent("""
    import sys
    from pathlib import Path
    from phosphene.journal import Journal, Seen
    journal = Journal(Path(sys.argv[1]))
    for batch in range(10_000):
        journal.record([Seen(f"/{batch}-{place}.jpg", "1-1", f"{batch}") for place in range(50)])
        print(batch, flush=True)
""")


def test_after_sigkill_there_are_only_whole_batches(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    for last in (1, 3, 4):
        path.unlink(missing_ok=True)
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            for line in writer.stdout:
                if int(line) == last:
                    os.kill(writer.pid, signal.SIGKILL)
                    break
        journal = Journal(path)
        places = journal.places(journal.ids())
        assert {len(files) for files in places.values()} == {50}
        assert set(places) >= {str(batch) for batch in range(last + 1)}
        journal.close()


uris = st.sampled_from([f"/{letter}.jpg" for letter in "abcde"])
stamps = st.sampled_from(["", "0-0", "10-2", "12", "007", "etag", f"9-{2**70}", "1-2-3", "01-2", "=1", "ü"])
seen = st.builds(
    Seen,
    uris,
    stamps,
    st.sampled_from(["x", "y", "z"]),
    st.just(("a caption",)),
)
refused = st.builds(Refused, uris, stamps, st.sampled_from(["cut", "empty"]))


class Killed(Exception):
    pass


class JournalMachine(RuleBasedStateMachine):
    """After any sequence of changes, kills and openings, the journal equals a dict with the same changes."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="journal-"))
        self.lives = 0
        self.files: dict[str, Seen] = {}
        self.bad: dict[str, Refused] = {}
        self.journal = self.open()

    def open(self) -> Journal:
        folder = self.root / str(self.lives)
        folder.mkdir(exist_ok=True)
        return Journal(folder / "journal.sqlite")

    @rule(files=st.lists(seen, max_size=4), bad=st.lists(refused, max_size=2))
    def record(self, files: list[Seen], bad: list[Refused]) -> None:
        self.journal.record(files, bad)
        for file in files:
            self.files[file.uri] = file
            self.bad.pop(file.uri, None)
        for one in bad:
            self.bad[one.uri] = one
            if one.stamp:
                self.files.pop(one.uri, None)

    @rule(id=st.sampled_from(["x", "y", "z"]))
    def forget(self, id: str) -> None:
        self.journal.forget([id])
        self.files = {uri: file for uri, file in self.files.items() if file.id != id}

    @rule()
    def close_and_open(self) -> None:
        self.journal.close()
        self.journal = self.open()

    @rule(in_the_middle=st.booleans())
    def kill(self, in_the_middle: bool) -> None:
        """A copy of the files at this moment, as a kill would leave them, perhaps within a transaction."""
        left, self.lives = self.root / str(self.lives), self.lives + 1
        with suppress(Killed), self.journal._database.transaction() as database:
            if in_the_middle:
                database.execute("PRAGMA cache_size = 1")  # so that pages are written before the end
                database.execute("DELETE FROM files")
                database.execute("INSERT INTO refused VALUES ('/x', 1, 1, ?)", ("long " * 50_000,))
                assert left.joinpath("journal.sqlite-journal").exists()
            shutil.copytree(left, self.root / str(self.lives))
            raise Killed
        self.journal.close()
        self.journal = self.open()

    @invariant()
    def is_as_told(self) -> None:
        everything = [f"/{letter}.jpg" for letter in "abcdex"]
        assert self.journal.known(everything) == self.files
        assert self.journal.refused(everything) == self.bad
        assert self.journal.ids() == {file.id for file in self.files.values()}

    def teardown(self) -> None:
        self.journal.close()
        shutil.rmtree(self.root)


TestInterleavings = JournalMachine.TestCase
TestInterleavings.settings = settings(max_examples=15, stateful_step_count=10, deadline=None)


def test_where_an_init_image_lay_is_remembered_and_an_old_journal_needs_no_new_version(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    assert journal.inputs.uri("aa") is None

    journal.inputs.remember("aa", "/pictures/old.png")
    journal.inputs.remember("aa", "/pictures/new.png")

    journal.close()
    assert Journal(tmp_path / "journal.sqlite").inputs.uri("aa") == "/pictures/new.png"
    assert Journal(tmp_path / "journal.sqlite").inputs.uri("bb") is None
