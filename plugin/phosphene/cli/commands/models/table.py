"""`phosphene models list`: the models that one can use, in one table."""

from typing import TYPE_CHECKING, Any

from phosphene.byte_sizes import gigabytes
from phosphene.cli.options import Settings, command
from phosphene.cli.output import Column

if TYPE_CHECKING:
    from phosphene.catalogue.listing import ListedModel
    from phosphene.records import Space


def yes_or_no(value: bool) -> str:
    """How people see whether something is so."""
    return "yes" if value else "no"


COLUMNS = (
    Column("name", "name"),
    Column("here", "here", yes_or_no),
    Column("commercial", "commercial", yes_or_no),
    Column("fits", "fits", yes_or_no, optional=True),
    Column("lane", "lane", optional=True),
    Column("size_on_disk", "size", gigabytes, optional=True),
    Column("kind", "kind", optional=True),
    Column("size_in_memory", "memory", gigabytes, optional=True),
    Column("steps", "steps", optional=True),
    Column("licence", "licence", optional=True),
    Column("modes", "modes", ", ".join, optional=True),
    Column("package", "package", optional=True),
)


@command("list")
def listing(settings: Settings) -> None:
    """List models, and say which of them are on this machine.

      phosphene models list --json
      phosphene -L photos.lib models list

    The list has embedding models, generators, and what generators use: IP-Adapters, which make them
    read the vectors of neighbours, and small decoders, which make previews and help CPUs. Any other
    model of open_clip works too, and `phosphene add --help` explains how to name it.

    The column commercial says whether the licence allows commercial use, perhaps under conditions, and
    fits says whether this machine has enough memory. The memory is that of the weights, on a GPU in
    half precision and else in single precision. What a plugin's model needs, only the plugin knows.

    With a library, the column lane says how its neighbours would lead a generator's pictures: by their
    vectors, by vectors that the generator's own encoder makes of them (embedded), by their pictures,
    by starting from the nearest one (start), or not at all (words).
    """
    from phosphene.catalogue.listing import listing

    models, space = list(listing()), _space(settings)
    settings.output.rows([_record(model, space) for model in models], COLUMNS, key="name")
    if any(model.fetch for model in models):
        settings.output.note("`phosphene models fetch NAME` brings a model to this machine.")


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


def _record(model: "ListedModel", space: "Space | None") -> dict[str, Any]:
    from phosphene.catalogue.listing import lane_into

    return {
        "name": model.name,
        "kind": model.kind,
        "family": model.family.name if model.family else None,
        "licence": model.licence or None,
        "commercial": model.commercial,
        "size_on_disk": model.size_on_disk,
        "size_in_memory": model.size_in_memory,
        "fits": model.fits,
        "lane": lane_into(model, space) if space else None,
        "steps": model.steps,
        "modes": list(model.modes) or None,
        "dimension": model.dimension,
        "here": model.here,
        "path": str(model.path) if model.path else None,
        "fetch": model.fetch,
        "package": model.package,
        "trigger": model.trigger or None,
        "library": model.library or None,
    }
