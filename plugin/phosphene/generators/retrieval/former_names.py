"""The names that earlier versions of phosphene gave to the parts of a generator's folder.

A folder that an earlier version trained stays as it is on the disk. It is read through these tables, which
lead from the former names to today's.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

NETWORKS = {"latent_encoder": "reader"}  # today's name of a network, and its former one
SETTINGS: Mapping[str, str] = {}  # of model_index.json and of the networks' config.json
WEIGHTS: Mapping[str, str] = {}  # parts of a weight's dotted name


def stored_name(folder: Path, network: str) -> str:
    """The name that a network has in a folder: its former one where nothing has today's."""
    former = NETWORKS.get(network, network)
    return network if (folder / network).exists() or not (folder / former).exists() else former


def renamed_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings under today's names."""
    return {SETTINGS.get(name, name): value for name, value in settings.items()}


def weight_names(stored: Iterable[str]) -> dict[str, str]:
    """Today's names of the weights in a file, each with the name that it has there."""
    return {".".join(WEIGHTS.get(part, part) for part in name.split(".")): name for name in stored}
