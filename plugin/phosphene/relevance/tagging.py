"""Zero-shot tags: which of some words are relevant to which images.

Each word is a search of its own, with the relevance that hits have. Radford et al. 2021 compare it with the
other words instead, which gives each picture one of them, whether it fits or not. Here a picture gets any
number of them, and most often none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from phosphene.batches import batched
from phosphene.errors import QueryError
from phosphene.filters import EVERYTHING, Filter
from phosphene.query import Query, Term
from phosphene.query.terms import Terms
from phosphene.records import Image
from phosphene.relevance.judging import Cutoff, Judge
from phosphene.store import Store

PROMPT = "a photo of a {}"  # the template of the CLIP paper, section 3.1.4
BATCH = 256  # images that are written at once


@dataclass(frozen=True, slots=True)
class Tagged:
    """An image, and the words that are relevant to it with their relevance, the most relevant first."""

    image: Image
    tags: dict[str, float]


@dataclass(frozen=True, slots=True)
class Tagger:
    """Finds tags for the images of a store, and writes them."""

    store: Store
    terms: Terms
    judge: Judge

    def find(
        self, words: Sequence[str], *, prompt: str = PROMPT, where: Filter = EVERYTHING, cut: Cutoff = "auto"
    ) -> list[Tagged]:
        """The images to which at least one word is relevant. Raises QueryError for an impossible prompt."""
        if "{}" not in prompt:
            raise QueryError(
                f"The prompt `{prompt}` has no place for a tag.", hint=f"write `{{}}` there: `{PROMPT}`"
            )
        count = max(1, self.store.count(where))
        found: dict[str, Image] = {}
        tags: dict[str, dict[str, float]] = {}
        for word in words:
            term = Term("text", prompt.replace("{}", word))
            query = Query((term,))
            for hit in self.judge.search(query, self.terms.vector(term), count, where, cut=cut):
                found[hit.image.id] = hit.image
                tags.setdefault(hit.image.id, {})[word] = hit.relevance or 0.0
        return [Tagged(found[id], dict(sorted(own.items(), key=_less))) for id, own in tags.items()]

    def write(self, found: Sequence[Tagged]) -> int:
        """Add tags to those that images have. Returns how many images got a new one."""
        return sum(self._write(batch) for batch in batched(found, BATCH))

    def _write(self, batch: Sequence[Tagged]) -> int:
        wanted = {each.image.id: each.tags for each in batch}
        changed = [
            replace(image, fields=replace(image.fields, tags=tags))
            for image in self.store.get([*wanted], vectors=True)
            if (tags := _joined(image.fields.tags, wanted[image.id])) != image.fields.tags
        ]
        self.store.upsert(changed)
        return len(changed)


def words_of(written: Sequence[str]) -> list[str]:
    """The words of one or more lists with commas, each once. Raises QueryError if there are none."""
    words = [word.strip() for text in written for word in text.split(",") if word.strip()]
    if not words:
        raise QueryError("There are no tags.", hint="write them with commas: `phosphene tag dog,cat,car`")
    return list(dict.fromkeys(words))


def _less(tag: tuple[str, float]) -> float:
    return -tag[1]


def _joined(before: Sequence[str], found: dict[str, float]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*before, *found]))
