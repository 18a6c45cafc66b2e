"""Exporting as webdataset's tars: `ID.jpg` with the picture, `ID.json` with captions and fields, `ID.npy`."""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from phosphene.batches import batched
from phosphene.export.exportable import Exportable, Exported, ExportOptions, about, picture_of
from phosphene.files import replacing
from phosphene.images import opened
from phosphene.images.decoding import DAMAGE
from phosphene.outputs import claim
from phosphene.times import moment

SHARD = 10_000  # images in a tar, as in those of img2dataset
ENDINGS = {"JPEG": ".jpg", "TIFF": ".tif"}  # of formats whose ending is not their name


def write_tars(images: Iterable[Exportable], target: Path, options: ExportOptions) -> Exported:
    """Write `target`; or NAME-00000.tar, NAME-00001.tar and so on if it takes more than one tar."""
    exported = Exported(0)
    for number, batch in enumerate(batched(images, SHARD)):
        name = target if options.total <= SHARD else target.with_stem(f"{target.stem}-{number:05}")
        exported += _tar(batch, claim(name, force=options.force), options)
    return exported


def _tar(images: Iterable[Exportable], target: Path, options: ExportOptions) -> Exported:
    written = missing = 0
    with replacing(target) as part, tarfile.open(part, "w") as file:
        for each in images:
            content = picture_of(each.image, options.folder)
            if content is None:
                missing += 1
                continue
            written += 1
            for ending, member in _members(each, content, options):
                info = tarfile.TarInfo(f"{each.image.id}{ending}")
                info.size, info.mtime = len(member), _time(each.image.created)
                file.addfile(info, io.BytesIO(member))
    return Exported(written, missing, (target,))


def _members(each: Exportable, content: bytes, options: ExportOptions) -> Iterator[tuple[str, bytes]]:
    yield ending_of(content), content
    yield ".json", json.dumps(about(each.image)).encode()
    if options.vectors:
        array = io.BytesIO()
        np.save(array, each.image.vector)
        yield ".npy", array.getvalue()


def ending_of(content: bytes) -> str:
    """The ending for the bytes of a picture, such as `.jpg`."""
    try:
        with opened(content) as picture:
            format = str(picture.format)
    except DAMAGE:  # it was a picture when it was added
        return ".jpg"
    return ENDINGS.get(format, f".{format.lower()}")


def _time(created: str) -> int:
    found = moment(created)
    return int(found.timestamp()) if found else 0
