"""Chooses the files of a repository that are used: settings, tokenizers and safetensors, but no pickles.

Weights in half precision are preferred where a repository has both, since they are half as large and make
the same pictures.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from phosphene.catalogue.offers import Part
from phosphene.catalogue.snapshots import INDEX, used_components
from phosphene.errors import ModelError, listed
from phosphene.generators.diffusers.families import FAMILIES
from phosphene.hub import RemoteFile, Repository, read

# `model.fp16-00001-of-00002.safetensors` has the stem `model` and the variant `fp16`; older files of several
# parts have the variant after the number. The index of the parts is `model.safetensors.index.fp16.json`.
WEIGHTS = re.compile(
    r"(?:model|diffusion_pytorch_model)(?:\.(?P<variant>\w+))?(?:-\d{5}-of-\d{5})?(?:\.(?P<after>\w+))?"
    r"\.safetensors"
)
SHARDS = re.compile(r"(?:model|diffusion_pytorch_model)\.safetensors\.index(?:\.(?P<variant>\w+))?\.json")
PREFERRED = ("fp16", "")  # variants
SETTINGS = (".json", ".txt", ".model")  # also the vocabularies of tokenizers
MAX_SETTINGS = 64 << 20  # bytes; the largest vocabularies have about 20 MB


def chosen(repository: Repository, part: Part) -> list[RemoteFile]:
    """The files of a part. The index of a pipeline is read, as it names the components.

    Raises ModelError if the repository does not have them as safetensors, or if its pipeline is of no family
    that phosphene has.
    """
    if part.kind == "file":
        return [_named(repository, part.path)]
    if part.kind == "model":
        return list(_of_folder(repository, part.path))
    index = _named(repository, INDEX)
    content = _read(repository, index)
    _check_family(repository, str(content.get("_class_name")))
    folders = used_components(content)
    return [index, *(file for folder in folders for file in _of_folder(repository, folder))]


def _read(repository: Repository, index: RemoteFile) -> dict[str, Any]:
    try:
        found = json.loads(read(repository, index))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ModelError(f"The `{INDEX}` of `{repository.name}` is not a JSON object.")
    return found


def _check_family(repository: Repository, class_name: str) -> None:
    if not any(class_name in family.pipelines.values() for family in FAMILIES.values()):
        raise ModelError(
            f"`{repository.name}` has a pipeline `{class_name[:80]}`, and phosphene has no such family.",
            hint=f"use a repository of one of {listed(FAMILIES)}",
        )


def _named(repository: Repository, path: str) -> RemoteFile:
    if path not in repository.files:
        raise ModelError(
            f"The repository `{repository.name}` has no `{path}`.",
            hint="use a repository with a pipeline of diffusers, or add a file with `phosphene models add`",
        )
    return repository.files[path]


def _of_folder(repository: Repository, folder: str) -> Iterator[RemoteFile]:
    """The settings and the weights of one component."""
    files = {
        PurePosixPath(path).name: file
        for path, file in repository.files.items()
        if path.rpartition("/")[0] == folder
    }
    variant = _variant(files)
    if not files or (variant is None and "config.json" in files):
        raise ModelError(
            f"`{repository.name}` has no weights as safetensors in `{folder or '.'}`.",
            hint="use a repository that has them; phosphene reads no pickles, as they may contain code",
        )
    for name, file in files.items():
        if _belongs(name, variant) and (file.size <= MAX_SETTINGS or WEIGHTS.fullmatch(name)):
            yield file


def _variant(files: Mapping[str, RemoteFile]) -> str | None:
    """The preferred variant among weights, or None if there are no weights."""
    found = {_variant_of(match) for name in files if (match := WEIGHTS.fullmatch(name))}
    return next((variant for variant in PREFERRED if variant in found), None)


def _variant_of(match: re.Match[str]) -> str:
    groups = match.groupdict()
    return groups["variant"] or groups.get("after") or ""


def _belongs(name: str, variant: str | None) -> bool:
    """Whether a file of a component is one of its settings, or of its weights in the variant."""
    if match := WEIGHTS.fullmatch(name) or SHARDS.fullmatch(name):
        return _variant_of(match) == variant
    return Path(name).suffix in SETTINGS and ".index." not in name
