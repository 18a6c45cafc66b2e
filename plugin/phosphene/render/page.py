"""An HTML page of pictures and text, in one file that holds everything it shows.

The page loads nothing from the network, which its content policy forbids, and runs no script. It
follows the reader's choice of light or dark, and shows stills instead of films to readers who want
less motion.
"""

import re
from base64 import standard_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from phosphene.outputs import GENERATOR
from phosphene.render.figures import Figure
from phosphene.render.sheet import balanced_columns

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class HitRow:
    """A row in a table of hits. A generated picture has its parents beside it."""

    figure: Figure
    note: str = ""
    parents: Sequence[Figure] = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """A generated picture beside those that it was made from."""

    child: Figure
    parents: Sequence[Figure]


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the page. An empty line in `text` begins a paragraph, and backticks mark code."""

    title: str
    text: str = ""
    command: str = ""  # the command that shows the same in a terminal
    figures: Sequence[Figure] = ()
    hits: Sequence[HitRow] = ()
    lineages: Sequence[Lineage] = ()


def page(
    title: str,
    lead: str,
    sections: Sequence[Section],
    *,
    opening: Sequence[Figure] = (),
    facts: Sequence[tuple[str, str]] = (),
    footer: str = "",
) -> str:
    """The whole page. Under its title come the `opening` pictures and the `facts`, names with values."""
    style = files("phosphene.render").joinpath("page.css").read_text(encoding="utf-8")
    body = "\n".join(_section(section) for section in sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="{GENERATOR}">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<div class="opening">
<header>
<p class="name">phosphene</p>
<h1>{escape(title)}</h1>
<div class="lead">{_paragraphs(lead)}</div>
{_facts(facts)}
{_pictures(opening)}
</header>
</div>
<main>
{body}
</main>
<footer>{_paragraphs(footer)}</footer>
</body>
</html>
"""


def _section(section: Section) -> str:
    return "\n".join(
        [
            "<section>",
            f"<h2>{escape(section.title)}</h2>",
            _paragraphs(section.text),
            f"<pre><code>{escape(section.command)}</code></pre>" if section.command else "",
            _table(section.hits),
            _lineages(section.lineages),
            _pictures(section.figures),
            "</section>",
        ]
    )


def _paragraphs(text: str) -> str:
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text.strip()))
    return "".join(f"<p>{part}</p>" for part in re.split(r"\n\s*\n", marked) if part)


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    if not facts:
        return ""
    rows = (f"<div><dt>{escape(what)}</dt><dd>{escape(value)}</dd></div>" for what, value in facts)
    return f'<dl class="facts">{"".join(rows)}</dl>'


def _pictures(figures: Sequence[Figure]) -> str:
    if not figures:
        return ""
    narrow = sum(not shown.wide for shown in figures)
    across = max(3, balanced_columns(narrow, most=5))
    return f'<div class="pictures" style="--across:{across}">{_figures(figures)}</div>'


def _figure(shown: Figure) -> str:
    kind = _kind(wide=shown.wide, generated=shown.mark, film=bool(shown.still))
    views = _film(shown) if shown.still else _image(shown)
    score = "" if shown.score is None else f'<span class="score">{shown.score:.3f}</span>'
    words = " ".join(part for part in (_badge(shown), escape(shown.caption), score) if part)
    caption = f"<figcaption>{words}</figcaption>" if words else ""
    return f"<figure{kind}>{views}{caption}</figure>"


def _film(shown: Figure) -> str:
    still = _image(shown, _address(shown.still, "image/webp"), still=True)
    button = '<span class="stop">pause</span><span class="start">play</span>'
    return (
        f'<div class="views">{_image(shown, moving=True)}{still}</div>'
        f'<label><input type="checkbox">{button}</label>'
    )


def _image(shown: Figure, address: str = "", **kinds: bool) -> str:
    return (
        f'<img{_kind(**kinds)} src="{address or _address(shown.data, shown.mime)}" '
        f'alt="{escape(shown.alt or shown.caption)}" width="{shown.size[0]}" height="{shown.size[1]}">'
    )


def _kind(**kinds: bool) -> str:
    """The class attribute of an element, with the names of all kinds that are true."""
    names = " ".join(name for name, true in kinds.items() if true)
    return f' class="{names}"' if names else ""


def _badge(shown: Figure) -> str:
    return '<span class="badge">generated</span>' if shown.mark else ""


def _table(hits: Sequence[HitRow]) -> str:
    if not hits:
        return ""
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("", "picture", "caption", "score"))
    rows = "".join(_found(rank, hit) for rank, hit in enumerate(hits, 1))
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _found(rank: int, hit: HitRow) -> str:
    score = hit.figure.score or 0.0
    kind = _kind(view=True, generated=hit.figure.mark)
    return (
        f'<tr><td class="rank">{rank}</td><td{kind}>{_image(hit.figure)}</td>'
        f"<td>{_badge(hit.figure)} {escape(hit.figure.caption)}"
        f'<span class="note">{escape(hit.note)}</span>{_strip(hit.parents)}</td>'
        f'<td class="points"><span class="score">{score:.3f}</span>'
        f'<span class="bar" style="--share:{min(1.0, max(0.0, score)):.3f}"></span></td></tr>'
    )


def _strip(parents: Sequence[Figure]) -> str:
    if not parents:
        return ""
    return f'<div class="strip"><span>made from</span>{"".join(map(_image, parents))}</div>'


def _lineages(lineages: Sequence[Lineage]) -> str:
    if not lineages:
        return ""
    shown = (
        f'<div class="lineage"><div class="parents">{_figures(lineage.parents)}</div>'
        f'<div class="arrow" aria-label="became">→</div>{_figure(lineage.child)}</div>'
        for lineage in lineages
    )
    return f'<div class="lineages">{"".join(shown)}</div>'


def _figures(figures: Iterable[Figure]) -> str:
    return "".join(map(_figure, figures))


def _address(data: bytes, mime: str) -> str:
    return f"data:{mime};base64,{standard_b64encode(data).decode()}"
