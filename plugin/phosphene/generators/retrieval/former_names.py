"""The names that earlier versions of phosphene gave to the parts of a generator's folder.

A folder that an earlier version trained stays as it is on the disk. It is read through these tables, which
lead from the former names to today's.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

NETWORKS = {"latent_encoder": "reader"}  # today's name of a network, and its former one
# Keys of model_index.json and of the networks' config.json.
SETTINGS: Mapping[str, str] = {
    "size": "sample_size",
    "grid": "sample_size",
    "depth": "latent_channels",
    "channels": "block_out_channels",
    "blocks": "layers_per_block",
    "width": "cross_attention_dim",
    "heads": "num_attention_heads",
    "pieces": "num_tokens",
    "steps": "num_inference_steps",
    "text_guidance": "guidance_scale",
    "neighbour_guidance": "image_guidance_scale",
}
# Parts of a weight's dotted name, by network. None of today's names is among the former ones.
BLOCK = {"first": "conv1", "second": "conv2"}
WEIGHTS: Mapping[str, Mapping[str, str]] = {
    "autoencoder": BLOCK,
    "latent_encoder": {**BLOCK, "look": "blocks", "say": "proj_out"},
    "denoiser": {
        **BLOCK,
        **{"enter": "conv_in", "leave": "conv_out", "time": "time_embedding"},
        **{"down": "down_blocks", "middle": "mid_blocks", "up": "up_blocks"},
        **{"steer": "ada_gn", "skip": "conv_shortcut", "attend": "attention"},
        **{"from_pixels": "to_qkv", "from_tokens": "to_kv", "merge": "to_out"},
        **{"tokens": "image_proj", "project": "proj", "kind": "type_embedding", "always": "null_token"},
        **{"score": "pool_score", "summarise": "pool_proj"},
    },
}

# A digest covers the names of the weights. A generator that was published again under other names keeps the
# digest of its first publication, so that recipes go on naming one generator: digest now, and digest then.
DIGESTS = {
    "c0454b09f080f6bdc83a6977ac0d4a97ce68363a129ff9108f44e120425a1eae": (
        "f96b5bd096ebd52b544c26ad856f18e880c96bcf184573d25569c0c9c326724a"  # the built-in one
    ),
}


def stored_name(folder: Path, network: str) -> str:
    """The name that a network has in a folder: its former one where nothing has today's."""
    former = NETWORKS.get(network, network)
    return network if (folder / network).exists() or not (folder / former).exists() else former


def renamed_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings under today's names. Raises ValueError where one stands under both of its names."""
    renamed = {SETTINGS.get(name, name): value for name, value in settings.items()}
    if len(renamed) < len(settings):
        raise ValueError("a setting stands under its former name and under today's")
    return renamed


def weight_names(network: str, stored: Iterable[str]) -> dict[str, str]:
    """Today's names of the weights in a network's file, each with the name that it has in the file."""
    parts = WEIGHTS[network]
    return {".".join(parts.get(part, part) for part in name.split(".")): name for name in stored}
