"""Variations of a picture: which prompt leads pictures that start from it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phosphene.generation.init_images import InitImages
from phosphene.query import Query, Term, parse_terms
from phosphene.recipes import in_picture


def variation_query(init_images: InitImages, source: Path | str) -> Query:
    """The prompt for variations of a file or of an image of the library: what is known to be in it.

    That is the prompt of its recipe, if it has one with only texts, or its fullest caption. A picture without
    both is led by its own vector. Raises QueryError or ImageError as `InitImages.open` does.
    """
    opened = init_images.open(source)
    if opened.id is None:
        assert opened.path is not None, "a picture that is not in the library was read from a file"
        own = Term("picture", str(opened.path.absolute()))
        return _texts_of(in_picture(opened.path)) or Query((own,))
    [image] = init_images.store.get([opened.id])
    if image.recipe is None and image.caption:
        return Query((Term("text", image.caption),))
    return _texts_of(image.recipe) or Query((Term("id", opened.id),))


def _texts_of(recipe: Mapping[str, Any] | None) -> Query | None:
    """The prompt of a recipe, if it has one and consists of texts."""
    if recipe is None:
        return None
    query = parse_terms(recipe["prompt"])
    return query if all(term.kind == "text" for term in query.terms) else None
