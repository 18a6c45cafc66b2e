"""Writes five captions of a scene, as people would type them, each with the labels that it names.

A caption consists of phrases. Every phrase has the labels that its words name, so the labels of a caption are
known exactly. A label without a word is not named: `house`, for example, names no count.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from phosphene.landscape.scenes import words
from phosphene.landscape.scenes.scene import COLOURS, Scene, Thing

Label = tuple[str, str]
OPEN = 0.3  # share of things whose colour is not named, in captions that do not name everything
ASIDE = 0.12  # share of things that are called little, old and so on


@dataclass(frozen=True, slots=True)
class Caption:
    """A text about a picture or a part of such a text, and the labels that it names."""

    text: str
    names: tuple[Label, ...]


def captions(scene: Scene) -> tuple[Caption, ...]:
    """Return five captions: a few words, three plain ones, and last the longest, which names everything."""
    speaker = Speaker(scene, np.random.default_rng((scene.seed, 2)))
    full = max(speaker.everything(), speaker.everything(), key=lambda caption: len(caption.text))
    said: list[Caption] = []
    for form in (speaker.few_words, speaker.plain, speaker.place_first, speaker.drawing):
        said.append(next(caption for caption in speaker.tries(form) if fits(caption, said, full)))
    return (*said, full)


def vocabulary() -> frozenset[str]:
    """Every word that a caption can have, in lower case."""
    tables = (
        *(words.STYLE_NOUNS, words.STYLE_ENDS, words.TIME_PLACES, words.TIME_ADJECTIVES),
        *(words.LAND_PLACES, words.LAND_NOUNS, words.WEATHER_PLACES, words.COUNTS),
    )
    phrases = [phrase for table in tables for choices in table.values() for phrase in choices]
    phrases += [name for names in words.KINDS.values() for pair in names for name in pair]
    phrases += [*words.SUN, *words.MOON, *words.MOUNTAINS, *words.ASIDES, *COLOURS]
    phrases += ["an", "of", "and", "with", "next to", "bird birds flying"]
    return frozenset(re.split("[ -]", " ".join(phrases)))


def fits(caption: Caption, said: Sequence[Caption], full: Caption) -> bool:
    """Return whether a caption is new, and shorter than the full one."""
    return len(caption.text) < len(full.text) and all(caption.text != other.text for other in said)


def join(parts: Sequence[Caption], between: str = " ") -> Caption:
    """Join phrases. Each label is named once."""
    names = dict.fromkeys(label for part in parts for label in part.names)
    return Caption(between.join(part.text for part in parts if part.text), tuple(names))


class Speaker:
    """Chooses words for one scene."""

    def __init__(self, scene: Scene, rng: np.random.Generator) -> None:
        self.scene = scene
        self.rng = rng

    def any(self, choices: Sequence[str]) -> str:
        """Return one of several wordings."""
        return choices[int(self.rng.integers(len(choices)))]

    def chance(self, share: float) -> bool:
        """Return True in this share of cases."""
        return bool(self.rng.random() < share)

    def value(self, attribute: str, table: Mapping[str, tuple[str, ...]]) -> Caption:
        """Say one attribute of the scene in the words of a table."""
        value = str(getattr(self.scene, attribute))
        return Caption(self.any(table[value]), ((attribute, value),))

    def tries(self, form: Callable[[], Caption]) -> Iterator[Caption]:
        """Yield wordings of one form without end. Some of them name the style, which makes a new text."""
        for number in range(1000):
            caption = form()
            named = any(name == "style" for name, _ in caption.names)
            yield (
                caption
                if named or number % 6 < 5
                else join([caption, self.value("style", words.STYLE_ENDS)], ", ")
            )

    # Phrases

    def thing(self, thing: Thing, *, colour: bool = True, count: bool = True) -> Caption:
        """Name a thing. On request its colour and number are named too."""
        one, several = words.KINDS[thing.kind][int(self.rng.integers(len(words.KINDS[thing.kind])))]
        names = [("thing", thing.kind)]
        said = [one if thing.count == 1 else several]
        if colour and thing.colour:
            said.insert(0, thing.colour)
            names.append((f"{thing.kind}.colour", thing.colour))
        if self.chance(ASIDE):
            said.insert(0, self.any(words.ASIDES))
        if count:
            said.insert(0, self.number(thing.count, said[0]))
            names.append((f"{thing.kind}.count", str(thing.count)))
        return Caption(" ".join(said), tuple(names))

    def number(self, count: int, before: str) -> str:
        """Name a number, or write the article that fits the next word."""
        said = "a" if count == 1 and self.chance(0.85) else self.any(words.COUNTS[count])
        return "an" if said == "a" and before[0] in "aeiou" else said

    def things(self, *, most: int = 3, everything: bool = False) -> Caption:
        """List the things. With `everything`, all of their colours are named."""
        told = self.scene.things[:most]
        said = [self.thing(thing, colour=everything or not self.chance(OPEN)) for thing in told]
        if len(said) < 2:
            return join(said)
        last = Caption(f"{self.any(('and', 'and', 'with', 'next to'))} {said[-1].text}", said[-1].names)
        return join([join(said[:-1], ", "), last])

    def land_noun(self, *adjectives: Caption) -> Caption:
        """Name the land with adjectives: a foggy sunrise beach."""
        land = join([*adjectives, self.value("land", words.LAND_NOUNS)])
        article = "" if land.text.endswith(words.NO_ARTICLE) else "an" if land.text[0] in "aeiou" else "a"
        return Caption(f"{article} {land.text}".strip(), land.names)

    def extras(self) -> list[Caption]:
        """Return a phrase for each of mountains, sun, moon and birds that the scene has."""
        shown = (("mountains", words.MOUNTAINS), ("sun", words.SUN), ("moon", words.MOON))
        said = [
            Caption(self.any(table), ((name, "yes"),)) for name, table in shown if getattr(self.scene, name)
        ]
        if self.scene.birds:
            said.append(self.birds())
        return said

    def birds(self) -> Caption:
        """Say how many birds fly."""
        count = self.scene.birds
        number = self.any(("a", "one")) if count == 1 else self.any(words.COUNTS[count][:1])
        return Caption(f"with {number} bird{'s' * (count > 1)} flying", (("birds", str(count)),))

    def some(self, phrases: Sequence[Caption], share: float) -> list[Caption]:
        """Keep each phrase with a certain probability."""
        return [phrase for phrase in phrases if self.chance(share)]

    # Forms of captions

    def few_words(self) -> Caption:
        """Two to four words: red house snow."""
        time = self.value("time", words.TIME_ADJECTIVES)
        land = self.value("land", words.LAND_NOUNS)
        if not self.scene.things:
            return join([land, self.value("time", words.TIME_PLACES)] if self.chance(0.5) else [time, land])
        colour, count = not self.chance(OPEN), self.chance(0.15)
        thing = self.thing(self.scene.things[0], colour=colour, count=count)
        if self.chance(0.3):
            return join([thing, self.value("time", words.TIME_PLACES)])
        return join([thing, land if self.chance(0.6) else time], self.any((" ", " ", ", ")))

    def plain(self) -> Caption:
        """Thing, land, time: a red house in the snow at night."""
        land, time = self.value("land", words.LAND_PLACES), self.value("time", words.TIME_PLACES)
        if not self.scene.things:
            return join([self.land_noun(), time, *self.some(self.extras(), 0.5)])
        return join([self.things(most=2), land, time])

    def place_first(self) -> Caption:
        """Land and weather first: a snowy landscape at night under a clear sky, with a red house."""
        weather = self.value("weather", words.WEATHER_PLACES)
        if self.chance(0.5):
            opening = [self.land_noun(), self.value("time", words.TIME_PLACES)]
        else:
            opening = [self.land_noun(self.value("time", words.TIME_ADJECTIVES))]
        opening += [weather] if self.chance(0.6) else []
        things = self.things()
        if not things.text:
            return join([*opening, *self.some(self.extras(), 0.7)])
        return join([join(opening), Caption(f"with {things.text}", things.names)], self.any((" ", ", ")))

    def drawing(self) -> Caption:
        """Style, things, place, and some of the rest: an ink sketch of a red house in the snow."""
        style = self.value("style", words.STYLE_NOUNS)
        land, time = self.value("land", words.LAND_PLACES), self.value("time", words.TIME_PLACES)
        body = join([self.things(), land]) if self.scene.things else self.land_noun()
        weather = [self.value("weather", words.WEATHER_PLACES)] if self.chance(0.4) else []
        rest = self.some(self.extras(), 0.5)
        if self.chance(0.5):
            return join([join([body, time, *weather, *rest]), self.value("style", words.STYLE_ENDS)], ", ")
        return join([self.opening(style), body, time, *weather, *rest])

    def opening(self, style: Caption) -> Caption:
        """Say what kind of picture it is."""
        article = "an" if style.text[0] in "aeiou8" else "a"
        return Caption(f"{article} {style.text} of", style.names)

    def everything(self) -> Caption:
        """A full sentence that names every label."""
        style = self.opening(self.value("style", words.STYLE_NOUNS))
        weather, time = self.value("weather", words.WEATHER_PLACES), self.value("time", words.TIME_PLACES)
        first = (
            [self.things(everything=True), self.value("land", words.LAND_PLACES)]
            if self.scene.things
            else [self.land_noun()]
        )
        return join([join([style, *first, time, weather]), *self.extras()], ", ")
