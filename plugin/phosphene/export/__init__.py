"""Exporting images of a library in formats that other programs read: one module for each format.

What was exported can be added again, and becomes the same images: ids follow from the bytes of the files.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from phosphene.export.coco import write_coco
from phosphene.export.exportable import Exportable, Exported, ExportOptions, WriteImages
from phosphene.export.links import write_links
from phosphene.export.parquet import write_parquet
from phosphene.export.webdataset import write_tars

__all__ = ["FORMATS", "ExportOptions", "Exportable", "Exported", "export", "format_of"]

FORMATS: Mapping[str, WriteImages] = {
    "parquet": write_parquet,
    "webdataset": write_tars,
    "coco": write_coco,
    "links": write_links,
}
ENDINGS = {".parquet": "parquet", ".tar": "webdataset", ".json": "coco"}


def format_of(target: Path) -> str:
    """The format that the ending of a name stands for; a name with another ending is that of a folder."""
    return ENDINGS.get(target.suffix.lower(), "links")


def export(
    images: Iterable[Exportable], target: Path, options: ExportOptions, format: str | None = None
) -> Exported:
    """Write images to `target`, in a format or in that of its ending."""
    return FORMATS[format or format_of(target)](images, target, options)
