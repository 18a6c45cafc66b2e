"""Tables of Arrow and parquet files: which columns hold pictures, and which ones describe them.

Hugging Face's `datasets` writes a column of pictures as `struct<bytes, path>` and says so in the metadata of
the schema. img2dataset writes the bytes themselves, in the column `jpg`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from phosphene.errors import first_line
from phosphene.sources.columns import squeezed

# What pyarrow raises for damaged files; OSError also if the file is gone
DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError, IndexError, MemoryError, OverflowError)
# The names of columns with the bytes of pictures, the one that is taken first at the beginning
PICTURES = ("image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp", "imagebytes", "bytes")
BYTES = "bytes"  # the part of a struct with the picture


@dataclass(frozen=True, slots=True)
class TableShape:
    """What is known of a table from its schema."""

    picture: str  # the column with the pictures; empty if there is none
    is_struct: bool  # whether its values are a struct of `bytes` and `path`
    plain: tuple[str, ...]  # the columns that describe the pictures
    labels: Mapping[str, Sequence[str]]  # the names of the classes in a column of numbers

    def named(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row with the names of classes in place of their numbers."""
        return {name: self._label(name, value) for name, value in row.items()}

    def _label(self, name: str, value: Any) -> Any:
        names = self.labels.get(name, ())
        return names[value] if isinstance(value, int) and 0 <= value < len(names) else value


def damage(error: Exception) -> str:
    """The reason for an error of pyarrow, which would name its own source files."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return f"it is cut off or damaged ({first_line(error)})"


def shape_of(schema: pa.Schema) -> TableShape:
    """What a schema tells about its table."""
    features = _features(schema)
    binary = [field for field in schema if _is_picture(field.type)]
    declared = [field for field in binary if _kind(features.get(field.name)) == "Image"]
    named = sorted(
        (field for field in binary if squeezed(field.name) in PICTURES),
        key=lambda field: PICTURES.index(squeezed(field.name)),
    )
    structs = [field for field in binary if pa.types.is_struct(field.type)]
    found = next(iter([*declared, *named, *structs, *(binary if len(binary) == 1 else [])]), None)
    labels = {name: each["names"] for name, each in features.items() if _is_label(each)}
    return TableShape(
        found.name if found else "",
        found is not None and pa.types.is_struct(found.type),
        tuple(plain_columns(schema)),
        labels,
    )


def plain_columns(schema: pa.Schema) -> list[str]:
    """The columns of texts, numbers, times and lists of texts."""
    return [field.name for field in schema if _is_plain(field.type)]


def _is_picture(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(part.name == BYTES and _is_bytes(part.type) for part in kind)
    return _is_bytes(kind)


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_plain(kind: pa.DataType) -> bool:
    types = pa.types
    if types.is_list(kind) or types.is_large_list(kind):
        return _is_text(kind.value_type)
    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    is_number = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    return _is_text(kind) or bool(is_number or types.is_timestamp(kind) or types.is_date(kind))


def _features(schema: pa.Schema) -> dict[str, Any]:
    """The features that `datasets` has noted in the schema. A stranger may have written them."""
    try:
        found = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _kind(feature: Any) -> object:
    return feature.get("_type") if isinstance(feature, dict) else None


def _is_label(feature: Any) -> bool:
    names = feature.get("names") if isinstance(feature, dict) else None
    return isinstance(names, list) and all(isinstance(name, str) for name in names)
