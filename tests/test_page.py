"""The demo's page holds everything that it shows, loads nothing, and can be read in light and dark."""

import re
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from PIL.Image import Image as Picture

from phosphene.render.animation import animate
from phosphene.render.figures import figure, film
from phosphene.render.page import HitRow, Lineage, Section, page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

RED, BLUE = (200, 30, 30), (30, 30, 200)
NASTY = """<script>document.title = "owned"</script>"><img src=x onerror=alert(1)>&amp;'"""


def flat(colour: tuple[int, int, int] = RED, size: tuple[int, int] = (300, 200)) -> Picture:
    return Image.new("RGB", size, colour)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with all kinds of figures, and texts that try to break out of the HTML."""
    path = animate([flat(RED), flat(BLUE)], tmp_path_factory.mktemp("films") / "film.webp")
    parents = [figure(flat(), f"parent {index}", side=64) for index in range(6)]
    child = figure(flat(BLUE), NASTY, score=0.912, mark=True)
    sections = [
        Section(
            "Search & find",
            f"First `code`.\n\nSecond: {NASTY}",
            "search '<b>'",
            hits=[HitRow(child, NASTY, parents)],
        ),
        Section("Made from", lineages=[Lineage(child, parents)]),
        Section("Films", figures=[film(path, "into noise"), film(path, "out of it", mark=True)]),
        Section("All", figures=[figure(flat(size=(1600, 400)), "a map", side=1600, wide=True)]),
    ]
    return page(
        NASTY, "A lead.", sections, opening=[child] * 4, facts=[("pictures", "1,000")], footer="The end."
    )


def embedded(html: str) -> list[Picture]:
    found = re.findall(r'src="data:image/[a-z]+;base64,([^"]*)"', html)
    return [Image.open(BytesIO(b64decode(content))) for content in found]


# ── without a browser ─────────────────────────────────────────────────────────────────────


def test_a_page_holds_every_picture_that_it_shows(story: str) -> None:
    pictures = embedded(story)

    assert len(pictures) == story.count("<img ") == 4 + 7 + 7 + 2 * 2 + 1
    assert all(picture.format == "WEBP" for picture in pictures)


def test_a_page_escapes_all_texts(story: str) -> None:
    assert "<script" not in story
    assert "<img src=x" not in story
    assert "&lt;script&gt;document.title" in story
    assert "<code>code</code>" in story
    assert "search &#x27;&lt;b&gt;&#x27;" in story


def test_a_page_names_no_other_place(story: str) -> None:
    style = story.split("</style>")[0]

    assert "url(" not in style
    assert "@import" not in style
    assert set(re.findall(r'<[^>]* (?:src|href|srcset)="?([a-z]+:)', story)) == {"data:"}


def test_a_figure_is_no_larger_than_it_is_asked_to_be() -> None:
    small = figure(flat(size=(1000, 500)), side=200)

    assert small.size == (200, 100)
    with Image.open(BytesIO(small.data)) as picture:
        assert picture.size == (200, 100)


def test_a_film_comes_with_its_last_frame(tmp_path: Path) -> None:
    made = film(animate([flat(RED), flat(BLUE)], tmp_path / "film.gif"))

    assert made.mime == "image/gif"
    with Image.open(BytesIO(made.still)) as still:
        assert still.getpixel((9, 9))[2] > 150  # type: ignore[index]


def test_an_empty_page_is_a_page() -> None:
    assert page("Nothing", "", []).count("<h1>") == 1


# ── in a browser ──────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator["Browser"]:
    """Headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Without its sandbox, which a container's root may not set up; it reads our own page alone.
        opened = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def file(story: str, tmp_path: Path) -> Path:
    path = tmp_path / "index.html"
    path.write_text(story, encoding="utf-8")
    return path


def opened(browser: "Browser", file: Path, **context: str) -> "Page":
    """Open the page in a window. Every complaint and every request of the browser is an error."""
    window = browser.new_context(viewport={"width": 1280, "height": 900}, **context)  # type: ignore[arg-type]
    view = window.new_page()
    complaints: list[str] = []
    view.on("console", lambda message: complaints.append(message.text))
    view.on("pageerror", lambda error: complaints.append(str(error)))

    def note(request: "Request") -> None:
        if not request.url.startswith("data:"):
            complaints.append(request.url)

    view.on("request", note)
    view.goto(file.as_uri(), wait_until="load")
    assert complaints == [file.as_uri()], "one request, for the page itself, and not a word"
    return view


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_opens_without_a_complaint_or_a_request(browser: "Browser", file: Path, scheme: str) -> None:
    view = opened(browser, file, color_scheme=scheme)

    assert view.title() == NASTY, "no script ran"
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    assert view.evaluate(broken) == 0
    paper = view.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(re.findall(r"\d+", paper)[0]) > 128) == (scheme == "light")


def test_a_page_is_never_wider_than_its_window(browser: "Browser", file: Path) -> None:
    view = opened(browser, file)

    for width in (320, 390, 600, 768, 1280, 2560):
        view.set_viewport_size({"width": width, "height": 900})
        assert view.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_the_paper(browser: "Browser", file: Path, scheme: str) -> None:
    view = opened(browser, file, color_scheme=scheme)
    paper = view.evaluate("getComputedStyle(document.body).backgroundColor")

    for words in ("body", "figcaption", ".lead p", "th", ".name", ".note", ".badge"):
        style = f"getComputedStyle(document.querySelector('{words}'))"
        behind = view.evaluate(f"{style}.backgroundColor") if words == ".badge" else paper
        assert contrast(view.evaluate(f"{style}.color"), behind) >= 4.5, words


def test_a_film_plays_until_it_is_paused(browser: "Browser", file: Path) -> None:
    view = opened(browser, file)
    first = view.locator(".film").first

    assert first.locator(".moving").is_visible()
    assert not first.locator(".still").is_visible()
    first.get_by_label("pause").check()
    assert not first.locator(".moving").is_visible()
    assert first.locator(".still").is_visible()
    assert view.locator(".film").last.locator(".moving").is_visible(), "the other one plays on"


def test_a_film_is_still_for_those_who_want_less_motion_until_they_play_it(
    browser: "Browser", file: Path
) -> None:
    view = opened(browser, file, reduced_motion="reduce")
    first = view.locator(".film").first

    assert first.locator(".still").is_visible()
    assert not first.locator(".moving").is_visible()
    first.get_by_label("play").check()
    assert first.locator(".moving").is_visible()


def test_every_picture_is_told_to_those_who_do_not_see_it(browser: "Browser", file: Path) -> None:
    view = opened(browser, file)

    assert view.locator("img:not([alt])").count() == 0
    assert view.get_by_role("img", name="a map").count() == 1
    assert view.get_by_role("heading").count() == 5
    assert view.get_by_role("row").count() == 2


def contrast(one: str, other: str) -> float:
    """The contrast of two CSS colours (WCAG 2.2, relative luminance)."""
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
