"""The command line with huge counts, with invalid numbers, and with words that are names of files."""

import shutil
from pathlib import Path

import pytest

from trial import Trial

HUGE = str(10**30)


@pytest.mark.parametrize(
    "words",
    [
        ["search", "house", "-n", "4294967296"],
        ["search", "house", "-n", HUGE],
        ["search", "house", "--diversity", "nan"],
        ["generate", "house", "-n", HUGE],
        ["generate", "house", "-k", HUGE],
        ["generate", "house", "--seed", HUGE],
        ["generate", "house", "--steps", HUGE],
        ["generate", "house", "--candidates", HUGE],
        ["generate", "house", "--size", f"{HUGE}x{HUGE}"],
        ["generate", "house", "--size", "9" * 5000],
        ["generate", "house", "--size", "²x²"],
        ["generate", "house", "--guidance", "nan"],
        ["generate", "house", "--guidance", "inf"],
        ["generate", "house", "--image-guidance", "-inf"],
        ["generate", "house", "--neighbour-strength", "nan"],
        ["generate", "house", "--init", "x.png", "--strength", "nan"],
        ["walk", "house", "sea", "--steps", HUGE],
        ["walk", "house", "sea", "--seed", HUGE],
        ["map", "--limit", HUGE],
        ["serve", "--batch-wait-ms", "nan"],
    ],
    ids=lambda words: " ".join(words)[:60],
)
def test_an_impossible_number_is_a_usage_error(trial: Trial, words: list[str]) -> None:
    result = trial.run(*words)
    assert result.exit_code == 2 and "Usage: " in result.stderr


def test_the_largest_count_is_searched_for(trial: Trial) -> None:
    assert len(trial.lines("search", "house", "-n", 1_000_000)) == 32
    assert len(trial.lines("search", "house", "-n", 1_000_000, "--diversity", 0.5)) == 32


def test_a_picture_is_found_by_the_name_that_a_shell_completes(trial: Trial) -> None:
    Path("my pics").mkdir()
    picture = sorted(trial.pictures.glob("*.png"))[3]
    shutil.copy(picture, "my pics/a - b + c.png")
    shutil.copy(picture, "x.png")
    wanted = trial.lines("search", "./x.png", "-n", 3)
    assert Path(wanted[0]["uri"]).name == picture.name
    for term in ("x.png", "my pics/a - b + c.png", f"file://{trial.folder}/x.png"):
        assert trial.lines("search", term, "-n", 3) == wanted


@pytest.mark.parametrize(
    ("term", "words"),
    [
        ("pics/y.png", "There is no picture `pics/y.png`"),
        ("~nobody-of-this-name/y.png", "The home folder in `~nobody-of-this-name/y.png` is not known"),
        ("https://example.org/y.jpg", "is an address, and phosphene does not download pictures"),
    ],
)
@pytest.mark.parametrize("command", [["search"], ["generate"], ["walk", "house"]])
def test_the_name_of_a_missing_picture_is_never_searched_for_as_text(
    trial: Trial, command: list[str], term: str, words: str
) -> None:
    result = trial.run(*command, term)
    assert result.exit_code == 1 and words in result.stderr and "hint: " in result.stderr


@pytest.mark.parametrize("damage", [b"junk", b""])
def test_a_damaged_hit_is_shown_by_its_thumbnail_and_named(trial: Trial, damage: bytes) -> None:
    [hit] = trial.lines("search", "a house", "-n", 1, "--origin", "generated")
    Path(hit["uri"]).write_bytes(damage)
    for words in (
        ["search", "a house", "-n", 32, "-o", "hits.png"],
        ["show", hit["id"], "-o", "family.png"],
        ["walk", f"id:{hit['id']}", "the sea", "--steps", 2, "-o", "way.png"],
        ["map", "-o", "map.png"],
    ):
        result = trial.run(*words)
        assert result.exit_code == 0, result.stderr
    assert (
        f"{hit['id']}.png` is not a usable picture" in trial.run("show", hit["id"], "-o", "family.png").stderr
    )
