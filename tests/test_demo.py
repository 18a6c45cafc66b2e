"""The whole demo runs with a few pictures, and a second run changes nothing."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image

from command import run
from pictures import frame_count

PICTURES = 120  # enough for percentiles


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Result]]:
    """The folder of the demo, and the output of a first run in words and a second one in JSON."""
    folder = tmp_path_factory.mktemp("demo") / "first light"
    small = ("--pictures", str(PICTURES), "--side", "96")
    runs = [run("demo", folder, *small, *words) for words in ([], ["--json"])]
    return folder, runs


def test_the_demo_tells_its_story_in_a_pipe(told: tuple[Path, list[Result]]) -> None:
    folder, (first, _) = told
    assert first.exit_code == 0, first.stderr
    assert "\x1b" not in first.output
    assert f"{PICTURES:,} added, 0 already there" in first.stdout
    assert "The library now holds all 124 images (120 drawn, 4 generated)." in first.stdout
    assert first.stdout.count("\tgenerated\t") >= 1, "new pictures are among the hits"
    assert "was made from" in first.stdout
    assert f"wrote {folder / 'index.html'}" in first.stderr


def test_a_second_run_changes_nothing_and_says_so(told: tuple[Path, list[Result]]) -> None:
    folder, (_, second) = told
    [report] = [json.loads(line) for line in second.stdout.splitlines()]
    assert report["changed"] is False
    assert (report["images"], report["generated"]) == (PICTURES + 4, 4)
    assert report["page"] == str(folder / "index.html")


@pytest.mark.parametrize("name", ["search.png", "search-again.png", "walk.png", "map.png"])
def test_the_sheets_are_there(told: tuple[Path, list[Result]], name: str) -> None:
    with Image.open(told[0] / name) as sheet:
        assert sheet.width > 400


@pytest.mark.parametrize("name", ["noising.webp", "denoising.webp", "walk.webp"])
def test_the_animations_move(told: tuple[Path, list[Result]], name: str) -> None:
    with Image.open(told[0] / name) as animation:
        assert frame_count(animation) > 4


def test_the_page_opens_without_an_error_or_a_request(
    told: tuple[Path, list[Result]], chromium: Path
) -> None:
    from playwright.sync_api import sync_playwright

    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium))
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.extend(_elsewhere(request.url)))
        page.goto((told[0] / "index.html").as_uri())
        assert page.title() == "A red house in the snow at night"
        assert page.locator("section").count() == 7
        assert page.locator(".badge").count() >= 5
        broken = page.evaluate("[...document.images].filter(image => !image.naturalWidth).length")
        browser.close()
    assert (complaints, broken) == ([], 0)


def _elsewhere(url: str) -> list[str]:
    return [] if url.startswith(("file:", "data:")) else [url]
