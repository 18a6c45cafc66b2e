"""Exporting as a captions file in COCO's format, which names the files of the pictures."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from phosphene.export.exportable import Exportable, Exported, ExportOptions, file_of, write_vectors
from phosphene.files import replacing
from phosphene.outputs import claim


def write_coco(images: Iterable[Exportable], target: Path, options: ExportOptions) -> Exported:
    """Write the captions file. Pictures that are no files of this machine cannot be named in it.

    A file below the folder of `target` is named relative to it, and any other by its absolute path.
    """
    claim(target, force=options.force)
    listed = [(each.image, file_of(each.image, options.folder)) for each in images]
    found = [(image, file) for image, file in listed if file is not None]
    content: dict[str, list[dict[str, Any]]] = {"images": [], "annotations": []}
    for number, (image, file) in enumerate(found, start=1):
        sizes = {"width": image.width, "height": image.height}
        content["images"].append({"id": number, "file_name": _name(file, target), **sizes})
        for caption in image.captions:
            annotation = {"id": len(content["annotations"]) + 1, "image_id": number, "caption": caption}
            content["annotations"].append(annotation)
    with replacing(target) as part:
        part.write_text(json.dumps(content), encoding="utf-8")
    vectors = write_vectors((image for image, _ in found), target) if options.vectors else ()
    return Exported(len(found), len(listed) - len(found), (target, *vectors))


def _name(file: Path, target: Path) -> str:
    folder = target.absolute().parent
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)
