"""Builders of tables with pictures, as `datasets` and img2dataset write them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Columns = Mapping[str, Sequence[Any]]


def table(columns: Columns, features: Mapping[str, Any] | None = None) -> pa.Table:
    """A table, with the metadata in which `datasets` notes what its columns are."""
    made = pa.table(dict(columns))
    if features is None:
        return made
    return made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def structs(pictures: Sequence[bytes | None]) -> list[dict[str, Any]]:
    """A column of pictures as `datasets` writes it."""
    return [{"bytes": content, "path": None if content else "elsewhere.jpg"} for content in pictures]


def parquet(path: Path, columns: Columns, group: int = 100, **features: Any) -> Path:
    """A parquet file with groups of so many rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(columns, features or None), path, row_group_size=group)
    return path


def arrow(path: Path, columns: Columns, batch: int = 100, *, footer: bool = False, **features: Any) -> Path:
    """An Arrow file: a stream as `datasets` writes it, or with a footer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = table(columns, features or None)
    new = pa.ipc.new_file if footer else pa.ipc.new_stream
    with path.open("wb") as file, new(file, made.schema) as writer:
        writer.write_table(made, max_chunksize=batch)
    return path


def saved(folder: Path, split: str, *shards: Columns, **features: Any) -> Path:
    """A folder as `Dataset.save_to_disk` writes it."""
    names = [f"data-{at:05}-of-{len(shards):05}.arrow" for at in range(len(shards))]
    for name, columns in zip(names, shards, strict=True):
        arrow(folder / name, columns, **features)
    state = {"_data_files": [{"filename": name} for name in names], "_split": split, "_format_type": None}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    return folder
