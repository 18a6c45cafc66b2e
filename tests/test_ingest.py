"""`add` reads good and bad files rightly, and no kill, lock or full disk loses anything."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL.Image import Image as Picture

from adding import Kept, add_to, contents, lance
from phosphene.embedding import Embedded
from phosphene.errors import LibraryError, ModelError, StoreError
from phosphene.fields import NONE
from phosphene.images import image_id
from phosphene.ingest import Progress
from phosphene.ingest.lock import writing
from phosphene.records import Image
from phosphene.vectors import Pixels
from pictures import Colours, cut, drawn, encoded, jpeg, open_to_all, png_header, turned

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's, see `phosphene.images`

ADDING = [sys.executable, str(Path(__file__).with_name("adding.py"))]
ROOT = os.name == "posix" and os.getuid() == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of five pictures, the second with a caption."""
    (tmp_path / "pictures").mkdir()
    for number in range(5):
        (tmp_path / f"pictures/{number}.jpg").write_bytes(jpeg(number))
    (tmp_path / "pictures/1.txt").write_text("a red house")
    return tmp_path / "pictures"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "lib"


class Counting(Colours):
    """An embedder that counts its pictures."""

    def __init__(self) -> None:
        self.count = 0

    def pictures(self, prepared: Sequence[Pixels]) -> Embedded:
        self.count += len(prepared)
        return super().pictures(prepared)


class Greedy(Colours):
    """An embedder that runs out of memory for pictures of one pixel's width."""

    def prepare(self, picture: Picture) -> Pixels:
        if picture.width == 1 < picture.height:
            raise MemoryError
        return super().prepare(picture)


def images(library: Path) -> dict[str, Image]:
    """The images of a library by the names of their files."""
    return {Path(image.uri).name: image for image in Kept(library).iterate()}


def counts(library: Path, *paths: Path) -> tuple[int, int, int]:
    added = add_to(library, *paths)
    return added.added, added.unchanged, added.failed


# ── what is added ─────────────────────────────────────────────────────────────────────────


def test_an_added_picture_has_all_that_a_record_needs(folder: Path, library: Path) -> None:
    added = add_to(library, folder)
    assert (added.added, added.unchanged, added.failures) == (5, 0, ())
    assert added.images_per_second == pytest.approx(5 / added.seconds)
    image = images(library)["1.jpg"]
    content = (folder / "1.jpg").read_bytes()
    assert image.sha256 == sha256(content).hexdigest()
    assert image.id == image_id(image.sha256)
    assert image.uri == str(folder / "1.jpg")
    assert (image.caption, image.captions, image.origin) == ("a red house", ("a red house",), "imported")
    assert image.fields == NONE
    assert (image.width, image.height, image.recipe, image.parents) == (64, 48, None, ())
    assert image.vector is not None
    assert np.linalg.norm(image.vector) == pytest.approx(1)
    assert image.norm > 1
    assert image.thumbnail is not None
    assert image.created.endswith("+00:00")


def test_adding_twice_changes_nothing_and_opens_nothing(folder: Path, library: Path) -> None:
    add_to(library, folder)
    before = contents(library)
    for path in folder.iterdir():
        path.chmod(0)
    counting = Counting()
    added = add_to(library, folder, embedder=counting)
    assert (added.added, added.unchanged, added.failed, counting.count) == (0, 5, 0, 0)
    assert contents(library)["images"] == before["images"]


def test_a_touched_file_is_read_and_not_embedded(folder: Path, library: Path) -> None:
    add_to(library, folder)
    os.utime(folder / "1.jpg", (1, 1))
    counting = Counting()
    assert add_to(library, folder, embedder=counting).unchanged == 5
    assert counting.count == 0
    assert counts(library, folder) == (0, 5, 0)


def test_the_fullest_caption_leads(folder: Path, library: Path) -> None:
    (folder / "1.txt").write_text("a house\na red house in the snow\nsnow")
    add_to(library, folder)
    image = images(library)["1.jpg"]
    assert image.caption == "a red house in the snow"
    assert image.captions == ("a house", "a red house in the snow", "snow")


def test_changed_captions_are_taken_over_without_embedding(folder: Path, library: Path) -> None:
    add_to(library, folder)
    before = images(library)["1.jpg"]
    (folder / "1.txt").write_text("a blue house")
    counting = Counting()
    assert add_to(library, folder, embedder=counting).unchanged == 5
    after = images(library)["1.jpg"]
    assert after.captions == ("a blue house",)
    assert (after.id, after.thumbnail, counting.count) == (before.id, before.thumbnail, 0)
    (folder / "1.txt").unlink()
    add_to(library, folder)
    assert images(library)["1.jpg"].caption == ""


def test_copies_are_one_image_with_the_captions_of_all(folder: Path, library: Path) -> None:
    shutil.copy(folder / "1.jpg", folder / "0-copy.jpg")
    (folder / "0-copy.txt").write_text("ein rotes Haus")
    assert counts(library, folder) == (5, 1, 0)
    assert images(library)["0-copy.jpg"].captions == ("ein rotes Haus", "a red house")
    shutil.copy(folder / "1.jpg", folder / "9.jpg")
    (folder / "9.txt").write_text("later")
    assert counts(library, folder) == (0, 7, 0)
    assert images(library)["0-copy.jpg"].captions == ("ein rotes Haus", "a red house", "later")
    assert counts(library, folder) == (0, 7, 0)


def test_a_moved_file_is_not_embedded_again(folder: Path, library: Path) -> None:
    add_to(library, folder)
    (folder / "1.jpg").rename(folder / "moved.jpg")
    counting = Counting()
    assert add_to(library, folder, embedder=counting).unchanged == 5
    assert counting.count == 0
    assert "moved.jpg" in images(library)
    assert "1.jpg" not in images(library)


def test_a_changed_file_replaces_its_image(folder: Path, library: Path) -> None:
    add_to(library, folder)
    before = images(library)["1.jpg"]
    (folder / "1.jpg").write_bytes(jpeg(99))
    assert counts(library, folder) == (1, 4, 0)
    assert images(library)["1.jpg"].id != before.id
    assert before.id not in contents(library)["images"]
    assert len(images(library)) == 5


def test_a_changed_copy_leaves_the_image_to_the_other_file(folder: Path, library: Path) -> None:
    shutil.copy(folder / "1.jpg", folder / "0-copy.jpg")
    add_to(library, folder)
    shared = images(library)["0-copy.jpg"]
    (folder / "0-copy.jpg").write_bytes(jpeg(99))
    assert counts(library, folder) == (1, 5, 0)
    assert images(library)["1.jpg"].id == shared.id
    assert len(images(library)) == 6


def test_files_that_swap_their_contents_swap_their_images(folder: Path, library: Path) -> None:
    add_to(library, folder)
    before = images(library)
    (folder / "0.jpg").rename(folder / "x.jpg")
    (folder / "4.jpg").rename(folder / "0.jpg")
    (folder / "x.jpg").rename(folder / "4.jpg")
    os.utime(folder / "0.jpg", (1, 1))
    os.utime(folder / "4.jpg", (1, 1))
    add_to(library, folder)
    after = images(library)
    assert (after["0.jpg"].id, after["4.jpg"].id) == (before["4.jpg"].id, before["0.jpg"].id)
    assert len(after) == 5


def test_a_file_that_has_gone_leaves_its_image(folder: Path, library: Path) -> None:
    add_to(library, folder)
    (folder / "1.jpg").unlink()
    assert counts(library, folder) == (0, 4, 0)
    assert len(images(library)) == 5


def test_a_file_that_was_spoilt_loses_its_image(folder: Path, library: Path) -> None:
    add_to(library, folder)
    (folder / "1.jpg").write_bytes(cut(jpeg(1)))
    assert counts(library, folder) == (0, 4, 1)
    assert sorted(images(library)) == ["0.jpg", "2.jpg", "3.jpg", "4.jpg"]


def test_files_inside_the_library_move_with_it(folder: Path, library: Path, tmp_path: Path) -> None:
    library.mkdir()
    folder.rename(library / "originals")
    add_to(library, library / "originals")
    library.rename(tmp_path / "moved")
    assert images(tmp_path / "moved")["1.jpg"].uri == "originals/1.jpg"
    assert counts(tmp_path / "moved", tmp_path / "moved/originals") == (0, 5, 0)


def test_without_its_journal_a_library_embeds_nothing_again(folder: Path, library: Path) -> None:
    add_to(library, folder)
    before = contents(library)
    (library / "journal.sqlite").unlink()
    assert counts(library, folder) == (0, 5, 0)
    assert contents(library) == before


def test_images_that_the_store_has_lost_are_added_again(folder: Path, library: Path) -> None:
    add_to(library, folder)
    before = contents(library)
    Kept(library).delete(list(before["images"])[:2])
    assert counts(library, folder) == (2, 3, 0)
    assert contents(library) == before


def test_captions_from_another_machine_stay(folder: Path, library: Path) -> None:
    add_to(library, folder)
    (library / "journal.sqlite").unlink()  # the other machine has its own
    (folder / "1.txt").write_text("here it is called otherwise")
    add_to(library, folder)
    assert images(library)["1.jpg"].captions == ("here it is called otherwise", "a red house")


# ── what is not ───────────────────────────────────────────────────────────────────────────


def test_bad_files_are_named_with_their_reasons_and_stop_nothing(folder: Path, library: Path) -> None:
    bad = {
        "cut.jpg": (cut(jpeg(7)), "it is cut off or damaged"),
        "empty.png": (b"", "it is empty"),
        "text.png": (b"a text", "there is no picture in it"),
        "bomb.png": (
            png_header(30_000, 30_000),
            "it has more than 179 million pixels: `add --max-pixels` raises the limit",
        ),
    }
    for name, (content, _) in bad.items():
        (folder / name).write_bytes(content)
    (folder / "dangling.jpg").symlink_to("nowhere")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.gif")
    added = add_to(library, folder)
    reasons = {Path(failure.uri).name: failure.reason for failure in added.failures}
    assert reasons == {name: reason for name, (_, reason) in bad.items()} | {
        "dangling.jpg": "it is a link to a missing file",
        "pipe.gif": "it is not a file",
    }
    assert (added.added, added.failed) == (5, 6)
    assert add_to(library, folder).failures == added.failures
    assert contents(library)["failures"] == list(added.failures)


def test_awkward_files_are_added_like_others(folder: Path, library: Path) -> None:
    good = {
        "jpeg.png": jpeg(7),
        "cmyk.jpg": encoded(drawn(8).convert("CMYK"), "JPEG"),
        "deep.tif": encoded(Pillow.fromarray(np.full((9, 9), 40_000, dtype=np.uint16)), "TIFF"),
        "palette.GIF": encoded(drawn(9).convert("P"), "GIF", transparency=0),
        "frames.gif": encoded(drawn(10), "GIF", save_all=True, append_images=[drawn(11)]),
        "turned.jpg": turned(6, size=(40, 80)),
        "wide.bmp": encoded(drawn(12, (3000, 3)), "BMP"),
        "dot.webp": encoded(drawn(13, (1, 1)), "WEBP"),
        "ünïcode 雪.jpg": jpeg(14),
        "two\nlines.jpg": jpeg(15),
        "-rf.jpg": jpeg(16),
        "$(touch gone).jpg": jpeg(17),
        os.fsdecode(b"caf\xe9.jpg"): jpeg(18),
    }
    for name, content in good.items():
        (folder / name).write_bytes(content)
    assert counts(library, folder) == (5 + len(good), 0, 0)
    assert (images(library)["turned.jpg"].width, images(library)["turned.jpg"].height) == (40, 80)
    assert (images(library)["wide.bmp"].width, images(library)["wide.bmp"].height) == (3000, 3)
    assert counts(library, folder) == (0, 5 + len(good), 0)


def test_a_refused_file_is_not_opened_until_it_changes(folder: Path, library: Path, tmp_path: Path) -> None:
    bad = folder / "bad.jpg"
    bad.write_bytes(cut(jpeg(7)))
    os.utime(bad, (1, 1))
    assert counts(library, folder) == (5, 0, 1)
    size = bad.stat().st_size
    bad.write_bytes(encoded(drawn(7), "BMP")[:size])  # as large and as old: nobody looks
    os.utime(bad, (1, 1))
    assert counts(library, folder) == (0, 5, 1)
    bad.write_bytes(jpeg(7))
    assert counts(library, folder) == (1, 5, 0)
    assert contents(library)["failures"] == []


def test_a_file_that_could_not_be_read_is_tried_again(folder: Path, library: Path) -> None:
    (folder / "link.jpg").symlink_to(folder / "target")
    assert counts(library, folder) == (5, 0, 1)
    (folder / "target").write_bytes(jpeg(7))
    assert counts(library, folder) == (1, 5, 0)


def test_a_picture_that_memory_is_too_short_for_is_named_and_tried_again(folder: Path, library: Path) -> None:
    (folder / "thin.png").write_bytes(encoded(drawn(9, (1, 90))))
    added = add_to(library, folder, embedder=Greedy())
    assert (added.added, [failure.reason for failure in added.failures]) == (
        5, ["there is not enough memory for it"],
    )  # fmt: skip
    assert counts(library, folder) == (1, 5, 0)


def test_odd_captions_are_named_until_they_are_mended(folder: Path, library: Path) -> None:
    (folder / "captions.json").write_text('{"0.jpg": "a tree"}')
    (folder / "2.txt").write_bytes(b"a\0b")
    added = add_to(library, folder)
    assert (added.added, added.unchanged) == (5, 0)
    assert [(Path(failure.uri).name, failure.reason) for failure in added.failures] == [
        ("2.txt", "its captions cannot be read: it is not text"),
        ("captions.json", "it is not a COCO captions file: no `images`"),
    ]
    assert contents(library)["failures"] == []
    (folder / "captions.json").unlink()
    (folder / "2.txt").write_text("a boat")
    assert counts(library, folder) == (0, 5, 0)
    assert images(library)["2.jpg"].captions == ("a boat",)


def test_the_fullest_caption_is_not_one_of_another_language(folder: Path, library: Path) -> None:
    (folder / "1.txt").write_text("de.utf8=ein sehr großes rotes Haus\nen.utf8=a house", encoding="utf-8")
    add_to(library, folder)
    image = images(library)["1.jpg"]
    assert image.caption == "en.utf8=a house"
    assert len(image.captions) == 2


def test_a_known_file_whose_drive_is_away_keeps_its_image(folder: Path, library: Path) -> None:
    (folder.parent / "drive").mkdir()
    (folder / "0.jpg").rename(folder.parent / "drive/0.jpg")
    (folder / "0.jpg").symlink_to(folder.parent / "drive/0.jpg")
    add_to(library, folder)
    (folder.parent / "drive").rename(folder.parent / "away")
    assert counts(library, folder) == (0, 4, 1)
    assert len(images(library)) == 5
    (folder.parent / "away").rename(folder.parent / "drive")
    assert counts(library, folder) == (0, 5, 0)


@pytest.mark.skipif(not ROOT, reason="only root can give up being root")
def test_files_that_may_not_be_read_are_named(folder: Path, library: Path, tmp_path: Path) -> None:
    (folder / "secret").mkdir()
    (folder / "secret/a.jpg").write_bytes(jpeg(7))
    (folder / "3.jpg").chmod(0)
    (folder / "secret").chmod(0)
    library.mkdir()
    library.chmod(0o777)
    open_to_all(tmp_path)
    ended = subprocess.run([*ADDING, "--nobody", library, folder], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    last = ended.stdout.splitlines()[-3:]
    assert last == [
        "end 4 0 2",
        f"{folder}/3.jpg → permission denied",
        f"{folder}/secret → permission denied",
    ]


# ── lost images ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("loss", ["gone", "empty", "damaged", "cut"])
def test_without_its_journal_add_looks_at_every_file_again_and_embeds_none(
    folder: Path, library: Path, loss: str
) -> None:
    add_to(library, folder)
    before, file = contents(library), library / "journal.sqlite"
    if loss == "gone":
        file.unlink()
    else:
        content = file.read_bytes()
        file.write_bytes({"empty": b"", "damaged": b"no database " * 99, "cut": content[:5000]}[loss])

    embedder, notes = Counting(), list[str]()
    added = add_to(library, folder, embedder=embedder, on_progress=lambda told: notes.append(told.note))

    assert (added.added, added.unchanged, embedder.count) == (0, 5, 0)
    assert contents(library) == before
    assert any("the journal was damaged" in note for note in notes) == (loss in ("damaged", "cut"))
    assert len(list(library.glob("set-aside/*/journal.sqlite"))) == (loss in ("damaged", "cut"))


def test_images_that_the_store_lost_are_added_again(folder: Path, library: Path) -> None:
    """A power cut may lose the newest version of a store, but the journal knows the files."""
    add_to(library, folder)
    before = contents(library)
    store = Kept(library)
    lost = [image.id for image in store.iterate()][:2]
    store.delete(lost)

    assert counts(library, folder / "0.jpg") in {(0, 1, 0), (1, 0, 0)}
    add_to(library, folder)
    assert contents(library) == before


# ── while it runs ─────────────────────────────────────────────────────────────────────────


def test_progress_counts_every_file_once_and_ends_complete(folder: Path, library: Path) -> None:
    (folder / "bad.jpg").write_bytes(b"bad")
    told: list[Progress] = []
    add_to(library, folder, on_progress=told.append, batch=2)
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)
    last = told[-1]
    assert (last.done, last.total, last.added, last.failed, last.note) == (6, 6, 5, 1, "")
    assert last.rate == pytest.approx(6 / last.seconds)


def test_an_embedder_that_fails_loses_nothing_that_was_embedded(folder: Path, library: Path) -> None:
    class Failing(Counting):
        def pictures(self, prepared: Sequence[Pixels]) -> Embedded:
            if self.count:
                raise ModelError("out of memory")
            return super().pictures(prepared)

    with pytest.raises(ModelError, match="out of memory"):
        add_to(library, folder, embedder=Failing(), batch=5)
        (folder / "5.jpg").write_bytes(jpeg(5))
        failing = Failing()
        failing.count = 1
        add_to(library, folder, embedder=failing)
    assert len(images(library)) == 5
    assert counts(library, folder) == (1, 5, 0)


def test_a_store_that_fails_is_an_error_and_a_rerun_goes_on(folder: Path, library: Path) -> None:
    class Full(Kept):
        def upsert(self, images: Sequence[Image]) -> None:
            raise StoreError("the disk is full")

    with pytest.raises(StoreError, match="full"):
        add_to(library, folder, open_store=Full)
    assert contents(library)["files"] == {}
    assert counts(library, folder) == (5, 0, 0)


def test_a_library_that_cannot_be_written_is_an_error(folder: Path) -> None:
    with (
        pytest.raises(LibraryError, match="cannot be written: file exists"),
        writing(folder / "0.jpg", print),
    ):
        pass


# ── kills, waits and full disks ───────────────────────────────────────────────────────────


def many(folder: Path, count: int = 60) -> Path:
    for number in range(5, count):
        (folder / f"{number}.jpg").write_bytes(jpeg(number))
    (folder / "copy.jpg").write_bytes(jpeg(7))
    (folder / "bad.jpg").write_bytes(b"bad")
    return folder


def heed_interrupts() -> None:
    """Let a child process react to Ctrl-C, which shells switch off for background processes."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupted(signal_number: int, library: Path, folder: Path, after: int) -> tuple[int, int, int]:
    """Send a signal to an add. Returns its exit status, and how much it had embedded and committed."""
    command = [*ADDING, "--slow", str(library), str(folder)]
    with subprocess.Popen(
        command, text=True, preexec_fn=heed_interrupts, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as adding:
        assert adding.stdout is not None
        for line in adding.stdout:
            done, committed = map(int, line.split()[:2])
            if done >= after:
                adding.send_signal(signal_number)
                break
        adding.stdout.read()
    return adding.returncode, done, committed


@pytest.mark.parametrize("after", [1, 20, 40])
def test_a_killed_add_ends_in_the_same_library_when_run_again(
    folder: Path, library: Path, after: int
) -> None:
    many(folder)
    add_to(library.with_name("undisturbed"), folder)
    status, _, committed = interrupted(signal.SIGKILL, library, folder, after)
    assert status == -signal.SIGKILL
    kept = len(contents(library)["images"])
    assert committed <= kept < 60
    added = add_to(library, folder)
    assert added.added == 60 - kept
    assert contents(library) == contents(library.with_name("undisturbed"))


def test_ctrl_c_commits_all_embedded_images(folder: Path, library: Path) -> None:
    many(folder)
    status, done, _ = interrupted(signal.SIGINT, library, folder, 21)
    assert status == 130
    found = contents(library)
    assert sum(map(len, found["files"].values())) + len(found["failures"]) >= done
    assert not (library / "add.lock.json").exists()
    add_to(library, folder)
    add_to(library.with_name("undisturbed"), folder)
    assert contents(library) == contents(library.with_name("undisturbed"))


def test_a_second_add_waits_and_says_for_whom(folder: Path, library: Path) -> None:
    many(folder)
    notes = []
    with subprocess.Popen([*ADDING, "--slow", library, folder], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        first.stdout.readline()
        added = add_to(library, folder, on_progress=lambda progress: notes.append(progress.note))
    assert f"waiting for process {first.pid} on " in notes[0]
    assert "adding.py --slow" in notes[0]
    assert (added.added, added.unchanged, added.failed) == (0, 61, 1)
    assert set(notes[1:]) == {""}


def test_a_lock_whose_holder_was_killed_is_free(folder: Path, library: Path) -> None:
    library.mkdir()
    (library / "add.lock").touch()
    (library / "add.lock.json").write_text(json.dumps({"pid": 1, "host": "gone", "command": "phosphene add"}))
    notes = []
    add_to(library, folder, on_progress=lambda progress: notes.append(progress.note))
    assert set(notes) == {""}


def test_a_full_disk_is_a_clear_error_and_loses_nothing(folder: Path, library: Path) -> None:
    add_to(library, folder, open_store=lance)
    before = contents(library, lance)
    for number in range(5, 60):
        (folder / f"{number}.jpg").write_bytes(jpeg(number, (256, 192)))
    command = [*ADDING, "--lance", "--file-limit", "40000", str(library), str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.startswith("StoreError: ")
    assert "hint: free some space" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert contents(library, lance) == before
    added = add_to(library, folder, open_store=lance)
    assert (added.added, added.unchanged) == (55, 5)


# ── any history of files ──────────────────────────────────────────────────────────────────

names = st.sampled_from(["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
steps = st.one_of(
    st.tuples(st.just("write"), names, st.integers(0, 3)),  # 3: a bad file
    st.tuples(st.just("caption"), names, st.integers(0, 2)),
    st.tuples(st.just("move"), names, names),
    st.tuples(st.just("add"), st.just(""), st.just(0)),
)
CONTENTS = [jpeg(number, (8, 8)) for number in range(3)] + [b"bad"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=st.lists(steps, max_size=12))
def test_after_any_change_of_files_an_add_gives_the_library_of_a_first_add(history: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder, library = Path(root, "pictures"), Path(root, "lib")
        folder.mkdir()
        (folder / "a.jpg").write_bytes(CONTENTS[0])
        for clock, (what, name, value) in enumerate([*history, ("add", "", 0)], start=1):
            change(folder, library, what, name, value, clock)
        fresh = Path(root, "fresh")
        add_to(fresh, folder)
        old, new = contents(library), contents(fresh)
        present = {str(path) for path in folder.iterdir()}
        vanished = {
            id for id, files in old["files"].items() if not present.issuperset(file.uri for file in files)
        }
        assert set(new["images"]) <= set(old["images"]) <= set(new["images"]) | vanished
        assert {id: old["images"][id] for id in set(new["images"]) - vanished} == {
            id: image for id, image in new["images"].items() if id not in vanished
        }
        assert new["failures"] == [failure for failure in old["failures"] if failure.uri in present]


def change(folder: Path, library: Path, what: str, name: str, value: object, clock: int) -> None:
    path = folder / name
    if what == "write":
        path.write_bytes(CONTENTS[int(str(value))])
        os.utime(path, (clock, clock))
    elif what == "caption":
        path.with_suffix(".txt").write_text(f"caption {value}")
    elif what == "move" and path.exists():
        path.rename(folder / str(value))
    elif what == "add" and any(folder.glob("*.jpg")):
        add_to(library, folder)
