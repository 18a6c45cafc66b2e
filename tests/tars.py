"""Tars as webdataset and img2dataset write them, and damaged or hostile ones."""

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

Content = bytes | str | dict[str, object]


def tar(path: Path, members: Mapping[str, Content], *, format: int = tarfile.PAX_FORMAT) -> Path:
    """Write a tar. A text is written as UTF-8, and a mapping as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=format) as file:
        for name, content in members.items():
            put(file, name, content)
    return path


def put(file: tarfile.TarFile, name: str, content: Content = b"", **header: object) -> None:
    """Add a member. `header` are attributes of its TarInfo, such as `type` and `linkname`."""
    content = json.dumps(content) if isinstance(content, dict) else content
    content = content.encode() if isinstance(content, str) else content
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in header.items():
        setattr(member, key, value)
    file.addfile(member, io.BytesIO(content))
