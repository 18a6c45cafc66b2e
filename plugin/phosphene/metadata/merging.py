"""What one place knows of a picture, and how the places are merged."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from phosphene.fields import NAMES, NONE, Fields
from phosphene.metadata.values import MAX_NAMES


@dataclass(frozen=True, slots=True)
class Metadata:
    """The fields and the captions that one place has for a picture."""

    fields: Fields = NONE
    captions: tuple[str, ...] = ()


NOTHING = Metadata()


def merged(places: Iterable[Metadata]) -> Metadata:
    """The metadata of several places, those that count most first."""
    known = [place for place in places if place != NOTHING]
    if len(known) < 2:
        return known[0] if known else NOTHING
    captions = dict.fromkeys(caption for place in known for caption in place.captions)
    return Metadata(merged_fields(place.fields for place in known), tuple(captions))


def merged_fields(places: Iterable[Fields]) -> Fields:
    """The fields of several places: a list has the values of all of them, any other field the first value.

    Coordinates are taken together, so that they are those of one point.
    """
    known = [place for place in places if place != NONE]
    if len(known) < 2:
        return known[0] if known else NONE
    found = {name: _merged([getattr(place, name) for place in known]) for name in NAMES}
    points = (point for place in known if None not in (point := _point(place)))
    found["latitude"], found["longitude"] = next(points, (None, None))
    return Fields(**found)


def changed_fields(stored: Fields, before: Sequence[Fields], after: Iterable[Fields]) -> Fields:
    """The `stored` fields of an image whose files had the fields `before`, and now have those `after`.

    What none of the files gave came from elsewhere, such as another machine or a command, and stays.
    """
    elsewhere = {
        name: _left(getattr(stored, name), [getattr(file, name) for file in before]) for name in NAMES
    }
    is_elsewhere = _point(stored) not in map(_point, before)
    elsewhere["latitude"], elsewhere["longitude"] = _point(stored) if is_elsewhere else (None, None)
    return merged_fields([*after, Fields(**elsewhere)])


def _point(place: Fields) -> tuple[float | None, float | None]:
    return place.latitude, place.longitude


def _merged(values: Sequence[Any]) -> Any:
    if isinstance(values[0], tuple):
        return tuple(dict.fromkeys(name for names in values for name in names))[:MAX_NAMES]
    return next((value for value in values if value is not None), None)


def _left(stored: Any, before: Sequence[Any]) -> Any:
    if isinstance(stored, tuple):
        given = {name for names in before for name in names}
        return tuple(name for name in stored if name not in given)
    return None if stored in before else stored
