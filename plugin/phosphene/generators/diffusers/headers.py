"""Reads what safetensors files hold from their headers, before any weight is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from phosphene.embedding.plain import settings
from phosphene.errors import ModelError

SUFFIX = ".safetensors"
PICKLES = (".bin", ".ckpt", ".pt", ".pth")
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """The names and the shapes of the weights in some files. Quantised weights stay packed in memory."""

    files: tuple[Path, ...]
    shapes: Mapping[str, Shape]
    quantised: bool = False

    def size_in_memory(self, itemsize: int) -> int:
        """Bytes of the weights in memory, if a number has `itemsize` bytes."""
        return self.size if self.quantised else sum(map(prod, self.shapes.values())) * itemsize

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.stat().st_size for file in self.files)


def read_header(*files: Path) -> Header:
    """The header of one file, or of the parts of one. Raises ModelError if a file is damaged."""
    shapes: dict[str, Shape] = {}
    for file in files:
        shapes |= _shapes(file)
    return Header(files, shapes)


def weight_files(folder: Path, stem: str) -> tuple[Path, ...]:
    """The files of weights in a component's folder: one, or the parts that an index lists.

    Files in half precision are taken where there are no others. Raises ModelError if there are none, or only
    pickles.
    """
    for variant in ("", ".fp16", ".bf16"):
        if (single := folder / f"{stem}{variant}{SUFFIX}").is_file():
            return (single,)
        if (index := folder / f"{stem}{SUFFIX}.index{variant}.json").is_file():
            return _parts(index)
    refuse_pickles(folder)
    raise ModelError(
        f"`{folder}` has no weights: `{stem}{SUFFIX}` is missing.", hint="download the checkpoint again"
    )


def refuse_pickles(place: Path) -> None:
    """Raise ModelError if a file is a pickle, or a folder has one."""
    files = sorted(place.iterdir()) if place.is_dir() else [place]
    for file in files:
        if file.suffix in PICKLES:
            raise ModelError(
                f"`{file}` is a pickle, which can run code when it is loaded, so phosphene does not read it.",
                hint="get the same checkpoint as safetensors, or convert it yourself if you trust it",
            )


def faults(wanted: Mapping[str, Shape], found: Mapping[str, Shape]) -> list[str]:
    """What is wrong with the weights that were found, in words for an error: missing or misshapen ones."""
    missing = [name for name in wanted if name not in found]
    odd = [
        f"{name} is {_sides(found[name])} instead of {_sides(shape)}"
        for name, shape in wanted.items()
        if name in found and found[name] != shape
    ]
    return [*summary("missing", missing), *summary("misshapen", odd)]


def summary(kind: str, names: list[str]) -> list[str]:
    """One phrase for names of weights: the first ones, and how many others."""
    others = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return [f"{kind}: {', '.join(names[:3])}{others}"] if names else []


def _shapes(file: Path) -> dict[str, Shape]:
    try:
        with safe_open(file, "np") as opened:
            return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"`{file}` is not a safetensors file, or it is truncated: {error}.", hint="download it again"
        ) from error


def _parts(index: Path) -> tuple[Path, ...]:
    """The files that an index lists. Raises ModelError unless all of them lie beside it."""
    named: Any = settings(index).get("weight_map")
    names = set(named.values()) if isinstance(named, dict) else set()
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise ModelError(f"`{index}` lists no files beside it.", hint="download the checkpoint again")
    files = tuple(index.parent / name for name in sorted(names))
    if missing := [file for file in files if not file.is_file()]:
        raise ModelError(f"`{missing[0]}` is missing.", hint="download the checkpoint again")
    return files


def _sides(shape: Shape) -> str:
    return "×".join(map(str, shape)) or "a number"
