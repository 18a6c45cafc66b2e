"""The commands of docs/collections.md work, one after the other, on tiny files of every kind."""

import json
import shlex
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest

import phosphene
from command import lines, run
from picture_tables import Columns, parquet, saved, structs
from pictures import jpeg
from tars import tar

PAGE = Path(__file__).parent.parent / "docs" / "collections.md"
PIPE = " | phosphene "


class Pictures:
    """Pictures that are all different, so that each command of the page has new ones to add."""

    def __init__(self) -> None:
        self.count = 0

    def one(self) -> bytes:
        self.count += 1
        return jpeg(self.count, (32, 24))

    def put(self, *names: str) -> None:
        for name in names:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_bytes(self.one())


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands of the page, in a folder with everything that they name."""
    monkeypatch.chdir(tmp_path)
    pictures = Pictures()
    make_folders(pictures)
    make_tables(pictures)
    phosphene.open("photos.lib", model="landscape", create=True).close()  # the page has the default model
    indented = [line[4:] for line in PAGE.read_text("utf-8").splitlines() if line.startswith("    ")]
    return [text for text in indented if text.startswith("phosphene ") or PIPE in text]


def make_folders(pictures: Pictures) -> None:
    pictures.put("Pictures/1.jpg", "Pictures/2.png", "Pictures/@eaDir/1.jpg/thumb.jpg", "Pictures/film.mov")
    pictures.put(
        "harbour.jpg", "scans/letter.dat", "val2017/1.jpg", "flickr/Images/1.jpg", "imagefolder/1.jpg"
    )
    Path("Pictures/1.txt").write_text("a house\nby the sea")
    Path("imagefolder/metadata.jsonl").write_text('{"file_name": "1.jpg", "text": "a boat", "rating": 5}')
    Path("annotations").mkdir()
    coco = {
        "images": [{"id": 1, "file_name": "1.jpg"}],
        "annotations": [{"image_id": 1, "caption": "a tree"}],
    }
    Path("annotations/captions_val2017.json").write_text(json.dumps(coco))
    Path("flickr/captions.csv").write_text("image,caption\n1.jpg,a tent\n")
    with ZipFile("holiday.zip", "w") as file:
        file.writestr("holiday/1.jpg", pictures.one())


def make_tables(pictures: Pictures) -> None:
    pictures.put("laion/00000/000000000.jpg")
    row = {
        "key": ["000000000"],
        "status": ["success"],
        "url": ["https://example.com"],
        "caption": ["a castle"],
    }
    parquet(Path("laion/00000.parquet"), row)
    for number in range(2):
        cats: Columns = {"image": structs([pictures.one()]), "text": ["a hill"]}
        parquet(Path(f"cats/train-{number:05}-of-00002.parquet"), cats)
        tar(Path(f"shards/{number:03}.tar"), {"0.jpg": pictures.one(), "0.txt": "a bird"})
        saved(Path("saved-dataset", ("train", "test")[number]), "", {"image": structs([pictures.one()])})
    Path("saved-dataset/dataset_dict.json").write_text('{"splits": ["train", "test"]}')


@pytest.mark.timeout(600)
def test_every_command_of_the_page_works(page: list[str]) -> None:
    assert len(page) > 10
    counts = {command: try_out(command) for command in page}
    assert counts.pop(page[0]) == 2, "without the thumbnail of the NAS"
    [chosen, piped] = [command for command in counts if " Pictures" in command]
    assert (counts.pop(chosen), counts.pop(piped)) == (0, 1), "what is named is taken, also a thumbnail"
    assert all(counts.values()), counts
    with phosphene.open("photos.lib") as library:
        captions = {caption for image in library.store.iterate() for caption in image.captions}
    assert captions >= {"a house", "by the sea", "a boat", "a tree", "a tent", "a castle", "a hill", "a bird"}
    assert len(lines("-L", "photos.lib", "search", "a boat rating>=5")) == 1
    assert len(lines("-L", "photos.lib", "search", 'a boat other:"split=train"')) == 1


def try_out(command: str) -> int:
    """Run a command of the page, and return how many pictures it has added."""
    left, pipe, right = command.partition(PIPE)
    fed = subprocess.run(shlex.split(left), capture_output=True, check=True).stdout if pipe else b""
    words = shlex.split(right if pipe else command.removeprefix("phosphene "))
    result = run(*words, "--json", input=fed)
    assert result.exit_code == 0, f"{command}\n{result.stderr}"
    added = json.loads(result.stdout.splitlines()[-1])
    assert not added["failures"], command
    return int(added["added"])
