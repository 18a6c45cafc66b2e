"""Copies of pictures are found, whatever was done to them, and the best one is never deleted."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import phosphene
from command import lines, run
from phosphene.duplicates.groups import joined
from phosphene.duplicates.pairs import near_pairs
from phosphene.duplicates.pixels import difference
from phosphene.landscape.scenes import SEEDS, compose, draw, write
from phosphene.library import Library
from phosphene.vectors import unit

SEED = SEEDS["test"][7]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve pictures, and three copies of one: smaller, compressed, and cropped by 5 %."""
    folder = tmp_path / "pictures"
    write(folder, SEEDS["test"][:12], size=128, workers=1)
    picture = Pillow.open(folder / f"{SEED:07d}.png").convert("RGB")
    picture.resize((80, 80)).save(folder / "small.png")
    picture.save(folder / "compressed.jpg", quality=60)
    picture.crop((6, 3, 128, 125)).save(folder / "cropped.png")
    return folder


@pytest.fixture
def library(folder: Path, tmp_path: Path) -> Iterator[Library]:
    with phosphene.open(tmp_path / "library", model="landscape", create=True) as library:
        library.add(folder)
        yield library


def test_the_copies_of_a_picture_are_one_group_and_the_best_comes_first(library: Library) -> None:
    [group] = library.duplicates()

    assert Path(group.best.uri).name == f"{SEED:07d}.png"
    assert [Path(image.uri).name for image in group.others] == ["compressed.jpg", "cropped.png", "small.png"]


def test_a_search_folds_copies_and_finds_further_pictures_in_their_places(library: Library) -> None:
    plain = library.search("a house", 15)
    found = library.search("a house", 10, fold=True)

    [group] = library.duplicates()
    ids = [image.id for image in (group.best, *group.others)]
    [first, *copies] = [hit.image.id for hit in plain if hit.image.id in ids]
    expected = [hit.image.id for hit in plain if hit.image.id not in copies]
    assert [hit.image.id for hit in found] == expected[:10]
    assert {hit.image.id: hit.copies for hit in found if hit.copies} == {first: tuple(copies)}
    assert library.search("a house", 5, offset=5, fold=True) == found[5:]
    everything = library.search("a house", 50, fold=True)
    assert [hit.image.id for hit in everything] == expected


def test_a_folded_search_says_how_many_copies_there_are(library: Library, tmp_path: Path) -> None:
    words = ("-L", library.folder, "search", "a house", "-n", 12)
    records = lines(*words, "--fold", "--json")
    plain = lines(*words, "--json")

    [best] = [record for record in records if record["copies"]]
    assert len(best["copies"]) == 3
    assert {id for id in best["copies"]} & {record["id"] for record in records} == set()
    assert not any(record["copies"] for record in plain)
    sheet = tmp_path / "hits.png"
    table = run(*words, "--fold", "--as", "table", "-o", sheet)
    assert "+3 like it" in table.stdout
    assert sheet.exists()
    assert run("-L", library.folder, "search", "width:1..", "--fold").exit_code == 2


def test_deleting_asks_and_keeps_files_unless_told(library: Library, folder: Path) -> None:
    refused = run("-L", library.folder, "duplicates", "--delete")
    assert refused.exit_code == 2
    assert "Pass --yes to confirm" in refused.stderr

    done = run("-L", library.folder, "duplicates", "--delete", "--yes")
    assert "removed 3 copies" in done.stderr
    assert library.store.count() == 12
    assert len(list(folder.glob("*.*g"))) == 15
    assert library.duplicates() == []


def test_files_are_deleted_on_request_but_not_the_best_nor_one_that_has_changed(
    library: Library, folder: Path
) -> None:
    (folder / "small.png").write_bytes((folder / "small.png").read_bytes() + b"\0")
    done = run("-L", library.folder, "duplicates", "--delete", "--delete-files", "--yes")

    assert "removed 3 copies and deleted 2 files" in done.stderr
    assert (folder / "small.png").exists()
    assert (folder / f"{SEED:07d}.png").exists()
    assert not (folder / "cropped.png").exists()


def test_an_image_whose_file_is_gone_is_not_the_best_copy(library: Library, folder: Path) -> None:
    (folder / f"{SEED:07d}.png").unlink()

    done = run("-L", library.folder, "duplicates", "--delete", "--delete-files", "--yes")
    assert "deleted 2 files" in done.stderr
    assert (folder / "compressed.jpg").exists()


def test_a_file_that_only_the_library_calls_a_copy_is_not_deleted(library: Library, tmp_path: Path) -> None:
    private = tmp_path / "private.txt"
    private.write_text("not a picture")
    [image] = [each for each in library.store.iterate(vectors=True) if each.uri.endswith("small.png")]
    content = library.store.thumbnails([image.id])[image.id]
    digest = sha256(private.read_bytes()).hexdigest()
    library.store.upsert([replace(image, uri=str(private), sha256=digest, thumbnail=content)])

    run("-L", library.folder, "duplicates", "--delete", "--delete-files", "--yes")
    assert private.exists()


def test_groups_are_listed_and_drawn(library: Library, tmp_path: Path) -> None:
    records = lines("-L", library.folder, "duplicates", "-o", tmp_path / "copies.png")

    assert [record["role"] for record in records] == ["best", "copy", "copy", "copy"]
    assert {record["group"] for record in records} == {1}
    with Pillow.open(tmp_path / "copies.png") as sheet:
        assert sheet.width > 4 * 192


def test_delete_files_alone_is_a_wrong_call(library: Library) -> None:
    assert run("-L", library.folder, "duplicates", "--delete-files").exit_code == 2


def test_pictures_of_the_same_things_are_no_copies() -> None:
    one, other = (draw(compose(seed), 128) for seed in SEEDS["test"][:2])
    changed = one.copy()
    changed.paste((255, 0, 0), (40, 60, 70, 90))

    assert difference(one, one.resize((60, 60))).is_copy
    assert not difference(one, other).is_copy
    assert not difference(one, changed).is_copy


def test_all_near_pairs_are_found_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phosphene.duplicates.pairs.BLOCK", 7)
    vectors = unit(np.random.default_rng(0).normal(size=(40, 4)))
    wanted = {(i, j) for i in range(40) for j in range(i + 1, 40) if vectors[i] @ vectors[j] >= 0.85}

    assert set(map(tuple, near_pairs(vectors, most=40).tolist())) == wanted
    assert len(near_pairs(vectors[:1])) == 0


def test_only_the_nearest_of_very_many_near_images_count() -> None:
    vectors = unit(np.ones((50, 4)) + np.random.default_rng(0).normal(scale=0.01, size=(50, 4)))

    assert len(near_pairs(vectors, most=3)) < 50 * 3 < len(near_pairs(vectors, most=50))


def test_pairs_are_joined_to_groups() -> None:
    pairs = np.array([[0, 1], [5, 6], [1, 2], [4, 5], [2, 0]])

    assert joined(pairs) == [[0, 1, 2], [4, 5, 6]]
