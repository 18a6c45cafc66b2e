"""Usual pictures and captions are added rightly, or named and skipped."""

import json

from PIL import Image

from pictures import drawn, encoded, jpeg
from profiles import rgb_profile
from test_colour import as_in
from trial import Trial


def test_add_exits_1_where_everything_that_was_named_failed(trial: Trial) -> None:
    bad, good = trial.folder / "a.jpg", trial.folder / "b.jpg"
    bad.write_text("x")
    good.write_bytes(jpeg(1))
    failed = trial.run("add", bad, "--json")
    assert failed.exit_code == 1
    assert json.loads(failed.stdout)["failures"] == [{"uri": str(bad), "reason": "there is no picture in it"}]
    assert "skipped" in failed.stderr
    assert trial.run("add", bad).exit_code == 1  # it was refused before
    assert trial.run("add", bad, good).exit_code == 0
    assert trial.run("add", bad, good).exit_code == 0  # unchanged
    assert "added 0, unchanged 0, failed 1" in trial.run("add", bad).stdout


def test_odd_captions_and_pictures_end_no_add(trial: Trial) -> None:
    folder = trial.folder / "odd"
    (folder / "below/captions.json").mkdir(parents=True)
    (folder / "captions.json").write_text("[" * 100_000)
    Image.new("RGB", (1, 65_000), "grey").save(folder / "line.png")
    (folder / "below/1.jpg").write_bytes(jpeg(1))
    (folder / "below/1.txt").write_bytes(bytes(range(256)))
    (folder / "cut.jpg").write_bytes(jpeg(2)[:300])
    added = trial.run("add", folder)
    assert added.exit_code == 0
    assert "added 2, unchanged 0, failed 4" in added.stdout
    for name in (
        "captions.json: it is not a COCO",
        "captions.json: it cannot",
        "1.txt: its",
        "cut.jpg: it is cut off",
    ):
        assert name in added.stderr


def test_a_captions_file_that_was_named_and_is_none_is_an_error(trial: Trial) -> None:
    (trial.folder / "c.json").write_text("{}")
    ended = trial.run("add", trial.folder / "c.json")
    assert ended.exit_code == 1
    assert "c.json` is not a COCO captions file" in ended.stderr


def test_a_picture_in_a_wide_space_is_found_by_its_twin_in_srgb(trial: Trial) -> None:
    profile, picture = rgb_profile(), drawn(3, (160, 120))
    (trial.folder / "wide.png").write_bytes(encoded(as_in(profile, picture), icc_profile=profile))
    picture.save(trial.folder / "plain.png")
    assert trial.run("add", trial.folder / "wide.png").exit_code == 0
    first = trial.lines("search", trial.folder / "plain.png", "-n", 1)[0]
    assert first["uri"].endswith("wide.png")
    assert first["score"] > 0.97
