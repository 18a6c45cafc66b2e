"""`phosphene models list`: the models that one can use, in two tables."""

from typing import TYPE_CHECKING, Any

import click

from phosphene.byte_sizes import gigabytes
from phosphene.cli.options import Settings, command
from phosphene.cli.output import Column

if TYPE_CHECKING:
    from phosphene.catalogue.listing import ListedModel
    from phosphene.records import Space

ENGLISH = "English"


class Language(click.ParamType[str]):
    """A language for which there are published figures."""

    name = "LANGUAGE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the English name of a language."""
        from phosphene.catalogue.crossmodal import LANGUAGES

        language = str(value).title()
        if language not in LANGUAGES:
            self.fail(f"There are no figures for {value!r}, only for {', '.join(LANGUAGES)}.", param, ctx)
        return language


def yes_or_no(value: bool) -> str:
    """How people see whether something is so."""
    return "yes" if value else "no"


def milliseconds(seconds: float) -> str:
    """A short time, with a digit after the point if it is very short."""
    return f"{seconds * 1000:.0f}" if seconds >= 0.01 else f"{seconds * 1000:.1f}"


NAME, HERE = Column("name", "name"), Column("here", "here", yes_or_no)
COMMERCIAL = Column("commercial", "commercial", yes_or_no, optional=True)
FITS = Column("fits", "fits", yes_or_no, optional=True)
SIZE = Column("size_on_disk", "size", gigabytes, optional=True)
MEMORY = Column("size_in_memory", "memory", gigabytes, optional=True)
LICENCE, PACKAGE = Column("licence", "licence", optional=True), Column("package", "package", optional=True)
GENERATORS = (
    *(NAME, HERE, COMMERCIAL, FITS),
    Column("lane", "lane", optional=True),
    SIZE,
    Column("kind", "kind", optional=True),
    MEMORY,
    Column("steps", "steps", optional=True),
    LICENCE,
    Column("modes", "modes", ", ".join, optional=True),
    PACKAGE,
)


def embedding_columns(language: str) -> tuple[Column, ...]:
    """The columns of embedding models, with the recall in a language."""
    return (
        *(NAME, HERE, COMMERCIAL),
        Column("coco", "COCO", "{:.1f}".format, optional=True),
        Column("recall", language, "{:.1f}".format, optional=True),
        SIZE,
        Column("pictures_a_second", "pictures/s", "{:.3g}".format, optional=True),
        Column("seconds_a_text", "ms/text", milliseconds, optional=True),
        Column("default", "default", lambda value: "yes" if value else "", optional=True),
        Column("runtime", "runtime", optional=True),
        *(FITS, MEMORY),
        Column("languages", "languages", optional=True),
        Column("dimension", "dimension", optional=True),
        *(LICENCE, PACKAGE),
        Column("processor", "measured on", optional=True),
    )


@command("list")
@click.option(
    "--language",
    type=Language(),
    default=ENGLISH,
    help="Show how well captions in this language find photographs.  [default: English]",
)
def listing(settings: Settings, language: str = ENGLISH) -> None:
    """List models, and say which of them are on this machine.

      phosphene models list --json
      phosphene models list --language German
      phosphene -L photos.lib models list

    The first table has embedding models. COCO says how many of 25,000 captions find their own one
    among 5,000 photographs, in per cent. The column with the name of a language is the mean of what
    captions of Crossmodal-3600 find at ranks 1, 5 and 10. Both are published figures, and --json names
    their sources. `phosphene models bench NAME` measures the speed. The column runtime says what runs a
    model on a CPU: onnx, which starts fast, or torch, if it cannot be exported. A model is exported when
    it is first used. Any other model of open_clip works too, and `phosphene add --help` explains how to
    name it.

    The second table has generators, and what generators use: IP-Adapters, which make them read the
    vectors of neighbours, and small decoders, which make previews and help CPUs. With a library, the
    column lane says how its neighbours would lead a generator's pictures: by their vectors, by vectors
    that the generator's own encoder makes of them (embedded), by their pictures, by starting from the
    nearest one (start), or not at all (words).

    The column commercial says whether the licence allows commercial use, perhaps under conditions, and
    fits says whether this machine has enough memory. The memory is that of the weights, for generators
    on a GPU in half precision and else in single precision. What a plugin's model needs, only the
    plugin knows.
    """
    from phosphene.catalogue.listing import listing

    output, space = settings.output, _space(settings)
    records = [_record(model, language, space) for model in listing()]
    embedders = [record for record in records if record["kind"] == "embedding"]
    output.rows(embedders, embedding_columns(language), key="name")
    output.gap()
    output.rows([record for record in records if record not in embedders], GENERATORS, key="name")
    if any(record["fetch"] for record in records):
        output.note("`phosphene models fetch NAME` brings a model to this machine.")


def _space(settings: Settings) -> "Space | None":
    """The space of the library, if there is one. Only a library that was named has to be there."""
    from phosphene.embedding import open_embedder
    from phosphene.errors import PhospheneError
    from phosphene.opening import locate, no_library

    try:
        location = locate(settings.library)
        manifest = location.manifest(open_embedder)
        if manifest is None and settings.library:
            raise no_library(location.url)
    except PhospheneError:
        if settings.library:
            raise
        return None
    return manifest.space if manifest else None


def _record(model: "ListedModel", language: str, space: "Space | None") -> dict[str, Any]:
    return {
        "name": model.name,
        "kind": model.kind,
        "licence": model.licence or None,
        "commercial": model.commercial,
        "size_on_disk": model.size_on_disk,
        "size_in_memory": model.size_in_memory,
        "fits": model.fits,
        "here": model.here,
        "path": str(model.path) if model.path else None,
        "fetch": model.fetch,
        "package": model.package,
        **_of_embedder(model, language),
        **_of_generator(model, space),
    }


def _of_embedder(model: "ListedModel", language: str) -> dict[str, Any]:
    from phosphene.catalogue.crossmodal import SOURCE, recalls

    facts, speed, by_language = model.facts, model.speed, recalls(model.name)
    coco = facts.coco if facts else None
    return {
        "default": facts.is_default if facts else False,
        "parameters": round(facts.parameters * 1e6) if facts else None,
        "dimension": model.dimension,
        "languages": facts.languages if facts else None,
        "runtime": model.runtime,
        "coco": coco.text_to_image[0] if coco else None,
        "coco_source": coco.source if coco else None,
        "recall": by_language.get(language),
        "recall_by_language": by_language or None,
        "recall_source": SOURCE if by_language else None,
        "seconds_loading": speed.seconds_loading if speed else None,
        "seconds_a_text": speed.seconds_a_text if speed else None,
        "pictures_a_second": speed.pictures_a_second if speed else None,
        "peak_memory": speed.peak_memory if speed else None,
        "processor": speed.processor if speed else None,
    }


def _of_generator(model: "ListedModel", space: "Space | None") -> dict[str, Any]:
    from phosphene.catalogue.listing import lane_into

    return {
        "family": model.family.name if model.family else None,
        "lane": lane_into(model, space) if space else None,
        "steps": model.steps,
        "modes": list(model.modes) or None,
        "trigger": model.trigger or None,
        "images": model.images or None,
        "library": model.library or None,
    }
