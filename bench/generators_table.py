"""The table of pretrained generators in docs/generating.md, written from the table of families."""

from runs import table

from phosphene.byte_sizes import gigabytes
from phosphene.catalogue.listing import FLOAT16, size_in_memory
from phosphene.catalogue.offers import offer
from phosphene.generators.diffusers.families import FAMILIES, Family

MODES = {"text-to-image": "text", "image-to-image": "start picture", "inpainting": "mask"}


def families() -> str:
    """A row for each family."""
    titles = ("name", "model", "licence", "download", "memory", "steps", "size", "reads", "modes")
    return table(titles, [_row(family) for family in FAMILIES.values()])


def _row(family: Family) -> tuple[object, ...]:
    found = offer(family.name)
    assert found is not None and found.size_on_disk is not None
    licence = found.licence if found.commercial else f"{found.licence} (no commercial use)"
    width, height = family.size
    return (
        f"`{family.name}`",
        family.title,
        licence.replace("[", "\\[").replace("]", "\\]"),
        gigabytes(found.size_on_disk),
        gigabytes(size_in_memory(family, FLOAT16)),
        family.num_inference_steps,
        f"{width}×{height}",
        _reads(family),
        ", ".join(MODES[mode] for mode in family.pipelines),
    )


def _reads(family: Family) -> str:
    """What leads the pictures of a family."""
    vectors = [f"vectors of {family.model}"] if "vectors" in family.reads else []
    pictures = [f"up to {family.max_references} pictures"] if "pictures" in family.reads else []
    words = ["words"] if "words" in family.reads else []
    return " and ".join([*vectors, *pictures, *words])
