"""`bench/photos.py` counts recalls as published figures do, and reads both forms of captions files."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCH = Path(__file__).parent.parent / "bench"
sys.path.insert(0, str(BENCH))  # its files are scripts, not a package

import photos  # noqa: E402
from recalls import image_to_text, text_to_image  # noqa: E402

from phosphene.catalogue.embedding_models import OPEN_CLIP  # noqa: E402
from phosphene.landscape.scenes import SEEDS, captions, compose, draw  # noqa: E402

MODEL = "ViT-B-32-256/datacomp_s34b_b86k"


def test_a_perfect_ranking_finds_everything_and_equal_vectors_find_nothing() -> None:
    pictures = np.eye(20, dtype=np.float32)
    owners = np.repeat(np.arange(20), 5)
    assert text_to_image(pictures[owners], pictures, owners) == [1.0, 1.0, 1.0]
    assert image_to_text(pictures[owners], pictures, owners) == [1.0, 1.0, 1.0]
    equal = np.ones_like(pictures)
    assert text_to_image(equal[owners], equal, owners) == [0.0, 0.0, 0.0]
    assert image_to_text(equal[owners], equal, owners) == [0.0, 0.0, 0.0]


def test_recalls_at_each_rank_are_those_counted_by_hand() -> None:
    texts = np.zeros((12, 12), np.float32)
    for number in range(12):  # the caption of this picture scores higher with so many others
        texts[number, number] = 0.5
        texts[number, [(number + step) % 12 for step in range(1, number + 1)]] = 0.6
    assert text_to_image(texts, np.eye(12, dtype=np.float32), np.arange(12)) == [1 / 12, 5 / 12, 10 / 12]


def test_any_caption_of_a_picture_counts_for_it() -> None:
    texts = np.array([[0.9, 0.1, 0.0], [0.2, 0.5, 0.4], [0.6, 0.5, 0.1], [0.0, 0.3, 0.3]], np.float32)
    pictures, owners = np.eye(3, dtype=np.float32), np.array([0, 0, 1, 2])
    assert text_to_image(texts, pictures, owners)[0] == 1 / 4  # the second caption of the first picture fails
    assert image_to_text(texts, pictures, owners)[0] == 1 / 3  # the others score as high with the second one
    assert image_to_text(texts, pictures, owners)[1] == 1.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn pictures, and their captions in both forms: six captions each, of which five count."""
    folder = tmp_path_factory.mktemp("photos")
    images, annotations, karpathy = [], [], []
    for number, seed in enumerate(SEEDS["test"][7000:7040]):
        scene, name = compose(seed), f"{number:012}.jpg"
        draw(scene, 128).save(folder / name)
        texts = [captions(scene)[-1].text] * 5 + ["spaghetti with meatballs"]
        images.append({"id": number, "file_name": name})
        annotations += [{"image_id": number, "caption": text} for text in texts]
        split = "test" if number < 30 else "val"
        karpathy.append({"filename": name, "split": split, "sentences": [{"raw": text} for text in texts]})
    (folder / "coco.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    (folder / "karpathy.json").write_text(json.dumps({"images": karpathy}))
    return folder


def test_five_captions_of_each_picture_are_read_from_both_forms(folder: Path) -> None:
    coco, karpathy = (photos.photos(folder / f"{form}.json", folder) for form in ("coco", "karpathy"))
    assert (len(coco), len(karpathy)) == (40, 30)
    assert karpathy == coco[:30]
    assert all(len(photo.captions) == 5 and "spaghetti" not in photo.captions for photo in coco)


def test_photographs_that_are_missing_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"40 of the photographs are not there, such as .*000000000000\.jpg"):
        photos.photos(folder / "coco.json", tmp_path)


def test_the_built_in_model_finds_drawn_pictures(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["--annotations", "coco.json", "--images", ".", "--model", "landscape", "--json"]
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["bench/photos.py", *words, str(tmp_path / "photos.json")])
    photos.main()
    figures: dict[str, Any] = json.loads((tmp_path / "photos.json").read_text())["figures"]
    assert figures["photographs"] == 40
    assert figures["models"]["landscape"]["text to image"][0] > 0.9  # by chance 0.025
    assert figures["models"]["landscape"]["image to text"][2] == 1.0
    assert "40 photographs with 200 captions" in capsys.readouterr().out


def test_published_figures_are_shown_with_their_source() -> None:
    shown = photos.compared({MODEL: {"text to image": [0.4, 0.65, 0.75], "image to text": [0.5] * 3}})
    measured, published = shown.splitlines()[2:]
    assert measured == f"| {MODEL} | 40.0 | 65.0 | 75.0 | 50.0 | 50.0 | 50.0 |  |"
    assert "| 39.9 | 65.4 | 75.2 | 57.9 | 80.6 | 88.1 |" in published
    assert published.endswith(f"{OPEN_CLIP} |")
