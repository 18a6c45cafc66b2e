"""`phosphene tag` finds which of some words fit which images, and writes them as tags."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.options import CUT, Settings, command
from phosphene.cli.output import Column

if TYPE_CHECKING:
    from phosphene.relevance.judging import Cutoff
    from phosphene.relevance.tagging import Tagged

COUNTS = (Column("tag", "tag"), Column("images", "images"))


@command("tag")
@click.argument("words", metavar="TAG,...", nargs=-1, required=True)
@click.option(
    "--prompt", default="a photo of a {}", show_default=True, help="The text for a tag, in place of {}."
)
@click.option("--cut", type=CUT, default="auto", show_default=True, help="The least relevance of a tag.")
@click.option("--where", metavar="FILTER", help="Which images to tag, as in `search --where`.")
@click.option("--dry-run", is_flag=True, help="Write nothing.")
def tag(
    settings: Settings,
    words: Sequence[str],
    prompt: str,
    cut: "Cutoff",
    where: str | None,
    dry_run: bool,
) -> None:
    """Tag images with those words that are relevant to them, without any training.

      phosphene tag dog,cat,car
      phosphene tag "hot air balloon,lighthouse" --prompt "a drawing of a {}" --dry-run
      phosphene search tags:dog

    An image gets every word whose relevance reaches --cut, and most often none. Tags that an image has
    already stay. --json shows the tags of each image with their relevance.
    """
    from phosphene.query.where import as_filter
    from phosphene.relevance.tagging import words_of

    wanted = words_of(words)
    with settings.open() as library:
        found = library.tagger.find(wanted, prompt=prompt, where=as_filter(where), cut=cut)
        if settings.json:
            settings.output.rows(_records(found), COUNTS)
        else:
            settings.output.rows(_counts(found, wanted), COUNTS, key="tag")
        if not dry_run:
            library.begin_writing()
            settings.output.note(f"tagged {library.tagger.write(found):,} images")


def _records(found: "Sequence[Tagged]") -> list[dict[str, Any]]:
    return [
        {"id": each.image.id, "tags": {tag: round(share, 4) for tag, share in each.tags.items()}}
        for each in found
    ]


def _counts(found: "Sequence[Tagged]", words: Sequence[str]) -> list[dict[str, Any]]:
    return [{"tag": word, "images": sum(word in each.tags for each in found)} for word in words]
