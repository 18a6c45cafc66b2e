"""The tables of embedding models in docs/models.md, written from the facts in the catalogue."""

from runs import table

from phosphene.byte_sizes import gigabytes
from phosphene.catalogue import crossmodal
from phosphene.catalogue.embedding_models import ROWS, EmbeddingModel


def embedding_models() -> str:
    """A row for each model, the best on COCO last."""
    titles = ("name", "licence", "COCO", "Crossmodal-3600", "languages", "parameters", "download", "numbers")
    return table(titles, [_row(facts) for facts in sorted(ROWS, key=_coco)])


def languages() -> str:
    """A row for each language, with the best figure in bold."""
    short = [name.partition("/")[0] for name in crossmodal.MODELS]
    rows = [(language, *_bold(recalls)) for language, recalls in crossmodal.RECALLS.items()]
    return table(("language", *(f"`{name}`" for name in short)), rows)


def _coco(facts: EmbeddingModel) -> float:
    return facts.coco.text_to_image[0] if facts.coco else 0


def _row(facts: EmbeddingModel) -> tuple[object, ...]:
    recall = crossmodal.recall(facts.name, "English")
    return (
        f"`{facts.name}`" + (" (default)" if facts.is_default else ""),
        facts.licence + ("" if facts.commercial else " (no commercial use)"),
        f"[{_coco(facts):.1f}]({facts.coco.source})" if facts.coco else "",
        "" if recall is None else f"{recall:.1f}",
        facts.languages,
        f"{facts.parameters:.0f} M",
        gigabytes(facts.size),
        facts.dimension,
    )


def _bold(recalls: tuple[float | None, ...]) -> list[str]:
    best = max(value for value in recalls if value is not None)
    texts = ["" if value is None else f"{value:.1f}" for value in recalls]
    return [f"**{text}**" if value == best else text for value, text in zip(recalls, texts, strict=True)]
