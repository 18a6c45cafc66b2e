"""Libraries that a power cut, a failing disk or a stranger has damaged are repaired."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import phosphene
from phosphene.journal import Journal
from phosphene.store.lance.store import LanceStore
from trial import Trial


def state(trial: Trial) -> dict[str, Any]:
    """Everything in the library except times, vectors and thumbnails, which `check` compares."""
    with phosphene.open(trial.library) as library:
        return {
            image.id: replace(image, created="", norm=round(image.norm, 2))
            for image in library.store.iterate()
        }


def versions(trial: Trial, table: str = "images") -> list[Path]:
    """The files with the newest one first."""
    return sorted((trial.library / f"store/{table}.lance/_versions").glob("*.manifest"))


def kept_files(trial: Trial) -> list[bytes]:
    """The contents of all files, except empty ones, snapshots, and those of a journal that is in use."""
    journal = trial.library / "journal.sqlite"
    whole = {journal} if not Journal(journal, writing=False).problems() else set()
    files = {path for path in trial.library.rglob("*") if path.is_file()} - whole
    made_again = {"latest_version_hint.json", "snapshots"}
    return [path.read_bytes() for path in files if not made_again & set(path.parts)]


def empty(path: Path) -> None:
    path.write_bytes(b"")


def every_manifest(trial: Trial) -> None:
    for manifest in versions(trial):
        empty(manifest)


def a_damaged_row(trial: Trial) -> None:
    """A vector that is not of length 1, as another program may write it."""
    store = LanceStore.open(trial.library / "store")
    with store._tables.writing():
        store._tables.images.update(where=f"id = '{trial.generated()[0]}'", values={"vector": [0.5] * 256})


def damaged_inside(trial: Trial) -> None:
    """Damage the newest data file, but not its end."""
    data = (trial.library / "store/images.lance/data").iterdir()
    newest = max(data, key=lambda file: file.stat().st_mtime_ns)
    content = newest.read_bytes()
    newest.write_bytes(b"\xff" * (len(content) // 2) + content[len(content) // 2 :])


def unfinished(trial: Trial) -> None:
    part = trial.library / "pictures" / ".a.png.1234.part"
    part.write_bytes(b"half")
    os.utime(part, (1, 1))


def two_newest_manifests(trial: Trial) -> None:
    for path in versions(trial)[:2]:
        empty(path)


def damaged_pages(trial: Trial) -> None:
    """Damage the pages of the journal's tables, but not the first one, so that it still opens."""
    journal = trial.library / "journal.sqlite"
    content = journal.read_bytes()
    journal.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))


DAMAGES: dict[str, Callable[[Trial], object]] = {
    "the newest manifest is empty": lambda trial: empty(versions(trial)[0]),
    "the two newest manifests are empty": two_newest_manifests,
    "every manifest is empty": every_manifest,
    "the thumbnails' newest manifest is empty": lambda trial: empty(versions(trial, "thumbnails")[0]),
    "the thumbnails are gone": lambda trial: shutil.rmtree(trial.library / "store/thumbnails.lance"),
    "a data file is damaged inside": damaged_inside,
    "the store is gone": lambda trial: shutil.rmtree(trial.library / "store"),
    "a row is damaged": a_damaged_row,
    "the journal is empty": lambda trial: empty(trial.library / "journal.sqlite"),
    "the journal is gone": lambda trial: (trial.library / "journal.sqlite").unlink(),
    "the journal's pages are damaged": damaged_pages,
    "the journal is cut": lambda trial: os.truncate(trial.library / "journal.sqlite", 5000),
    "the manifest is empty": lambda trial: empty(trial.library / "library.json"),
    "the manifest is gone": lambda trial: (trial.library / "library.json").unlink(),
    "a file is unfinished": unfinished,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_repaired_and_nothing_is_deleted(trial: Trial, damage: str) -> None:
    before = state(trial)
    assert trial.run("check").exit_code == 0
    DAMAGES[damage](trial)
    left = kept_files(trial)

    checked = trial.run("check")
    assert checked.exit_code == 1
    assert checked.stdout
    assert kept_files(trial) == left, "checking wrote something"

    assert trial.run("repair").exit_code == 0
    after = state(trial)
    assert after.keys() == before.keys()
    assert after == before
    now = kept_files(trial)
    assert [content for content in left if content not in now] == []

    assert trial.run("check").stdout == ""
    again = trial.run("repair")
    assert (again.exit_code, again.stdout) == (0, "nothing to repair: the library is whole\n")
    assert trial.run("add", trial.pictures).stdout.startswith("added 0, unchanged 30")
    assert trial.run("search", "a house", "-n", 1).exit_code == 0


def test_without_manifest_and_store_the_space_must_be_named(trial: Trial) -> None:
    before = state(trial)
    (trial.library / "library.json").unlink()
    every_manifest(trial)

    refused = trial.run("repair")
    assert refused.exit_code == 1 and "--model MODEL" in refused.stderr
    assert trial.run("repair", "--model", "landscape").exit_code == 0
    assert state(trial).keys() == before.keys()


def test_faults_that_cannot_be_repaired_are_named(trial: Trial) -> None:
    made = trial.generated()[0]
    (trial.library / f"pictures/{made}.png").unlink()

    for command in ("check", "repair"):
        found = trial.run(command)
        assert found.exit_code == 1
        assert f"have no picture any more (1): {made}" in found.stdout
    record = trial.run("check", "--json").stdout
    assert made in record and '"part": "picture"' in record


@pytest.mark.parametrize("deep", [False, True])
def test_a_file_that_changed_is_found_by_its_size_or_by_its_bytes(trial: Trial, deep: bool) -> None:
    photo = Path("photo.png")
    shutil.copy(next(trial.pictures.glob("*.png")), photo)
    photo.write_bytes(photo.read_bytes() + b"x")
    assert trial.run("add", photo).exit_code == 0
    content = photo.read_bytes()
    photo.write_bytes(content[:-1] + b"y" if deep else content + b"z")

    assert trial.run("check").exit_code == (0 if deep else 1)
    found = trial.run("check", "--deep")
    assert found.exit_code == 1 and "have a file that has changed since" in found.stdout


def test_pictures_of_another_library_do_not_get_in_by_a_forged_name(trial: Trial) -> None:
    """A file that is not a picture of ours stays in its place and does not become an image."""
    before = state(trial)
    shutil.copy(next(trial.pictures.glob("*.png")), trial.library / "pictures" / "not-ours.png")
    assert trial.run("check").exit_code == 0
    assert trial.run("repair").exit_code == 0
    assert state(trial) == before


def test_a_folder_that_is_no_library_is_named(trial: Trial, tmp_path: Path) -> None:
    for command in ("check", "repair"):
        result = trial.run("-L", tmp_path, command)
        assert result.exit_code == 1 and "There is no library in" in result.stderr


def test_a_command_says_that_the_store_is_damaged_and_goes_on(trial: Trial) -> None:
    empty(versions(trial)[0])
    result = trial.run("status")
    assert result.exit_code == 0
    assert result.stderr.count("is damaged, perhaps by a power cut") == 1
    assert "phosphene repair" in result.stderr


def test_a_repair_that_is_stopped_goes_on(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-C at any step, a second run gives the same library."""
    from phosphene.maintenance.repairing import Repairing

    before = state(trial)
    every_manifest(trial)
    say = Repairing.say

    def stop(run: Any, done: str) -> None:
        say(run, done)
        raise KeyboardInterrupt

    for _ in range(2):
        monkeypatch.setattr(Repairing, "say", stop)
        assert trial.run("repair").exit_code == 130
    monkeypatch.setattr(Repairing, "say", say)
    assert trial.run("repair").exit_code == 0
    assert state(trial).keys() == before.keys()


def test_a_library_without_its_store_is_not_taken_for_an_empty_one(trial: Trial) -> None:
    shutil.rmtree(trial.library / "store")
    for words in (["status"], ["search", "a house"], ["show", trial.generated()[0]]):
        refused = trial.run(*words)
        assert refused.exit_code == 1
        assert "has no store" in refused.stderr and "repair`, which makes it again" in refused.stderr
    assert not (trial.library / "store").exists()
    assert trial.run("add", trial.pictures).exit_code == 0


def test_a_generated_picture_that_was_removed_does_not_come_back_by_a_repair(trial: Trial) -> None:
    """Its file stays, as `remove` promises, and the same command makes the image again."""
    made = trial.generated()[0]
    assert trial.run("remove", made, "--yes").exit_code == 0
    assert trial.run("check").exit_code == 0
    empty(trial.library / "library.json")
    assert trial.run("repair").exit_code == 0
    assert made in trial.generated()
    assert trial.run("show", made).exit_code == 1

    quick = ("--steps", 1, "--candidates", 1, "-k", 2, "--seed", 7)
    assert trial.run("generate", "a red house", "-n", 2, *quick).exit_code == 0
    assert trial.run("show", made).exit_code == 0
    shutil.rmtree(trial.library / "store")
    assert trial.run("repair").exit_code == 0
    assert trial.run("show", made).exit_code == 0
