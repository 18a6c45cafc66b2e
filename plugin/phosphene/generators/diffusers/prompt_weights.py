"""The weights in a prompt, in the notation of AUTOMATIC1111's web UI.

`(red:1.3)` makes red count 1.3 times as much, `(red)` 1.1 times, and `[red]` 1.1 times less. Brackets can be
nested. A bracket after a backslash, or one without its partner, is a letter like any other.
"""

import re
from dataclasses import dataclass

EMPHASIS = 1.1  # of a pair of brackets without a number
PARTNERS = {")": "(", "]": "["}
# A letter that means itself, the end of a weight, a bracket, a colon, or the text between them.
PART = re.compile(r"\\[()\[\]\\]|:\s*(\d+\.?\d*|\.\d+)\s*\)|[()\[\]]|[^\\()\[\]:]+|.", re.DOTALL)


@dataclass(slots=True)
class WeightedText:
    """A part of a prompt, and how much it counts."""

    text: str
    weight: float = 1.0


def fragments(prompt: str) -> list[WeightedText]:
    """The parts of a prompt in order, without the notation. Neighbours of one weight are joined."""
    found: list[WeightedText] = []
    opened: list[int] = []  # where the brackets are that are not closed yet
    for match in PART.finditer(prompt):
        text, number = match.group(), match.group(1)
        closes = ")" if number else text
        if closes in PARTNERS and opened and found[opened[-1]].text == PARTNERS[closes]:
            factor = float(number) if number else EMPHASIS if closes == ")" else 1 / EMPHASIS
            _emphasise(found, opened.pop(), factor)
            continue
        if text in PARTNERS.values():
            opened.append(len(found))
        found.append(WeightedText(text[1:] if len(text) == 2 and text[0] == "\\" else text))
    return _joined(found)


def _emphasise(found: list[WeightedText], start: int, factor: float) -> None:
    """Multiply the weights after an opening bracket, and take the bracket away."""
    found[start].text = ""
    for fragment in found[start:]:
        fragment.weight *= factor


def _joined(found: list[WeightedText]) -> list[WeightedText]:
    joined: list[WeightedText] = []
    for fragment in found:
        if joined and joined[-1].weight == fragment.weight:
            joined[-1].text += fragment.text
        elif fragment.text:
            joined.append(fragment)
    return joined
