"""The names that earlier versions of phosphene gave to the parts of a generator's folder.

A folder that an earlier version trained stays as it is on the disk. These tables translate its names when it
is read.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

NETWORKS = {"latent_encoder": "reader"}  # from the name of a network today to its former name
# From former keys of model_index.json and of the networks' config.json to the keys of today.
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
# From former parts of the weights' dotted names to those of today, by network. The two sets do not overlap.
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
# digest of its first publication, so that old recipes still name it. From its digest today to the first one.
DIGESTS = {
    "c0454b09f080f6bdc83a6977ac0d4a97ce68363a129ff9108f44e120425a1eae": (
        "f96b5bd096ebd52b544c26ad856f18e880c96bcf184573d25569c0c9c326724a"  # built in until 2026-11-28
    ),
}


def stored_name(folder: Path, network: str) -> str:
    """The name of a network in a folder, which is its former name if only that one exists."""
    former = NETWORKS.get(network, network)
    return network if (folder / network).exists() or not (folder / former).exists() else former


def renamed_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the names of today. Raises ValueError if a setting has both of its names."""
    renamed = {SETTINGS.get(name, name): value for name, value in settings.items()}
    if len(renamed) < len(settings):
        raise ValueError("a setting is there twice, with its former name and with the name of today")
    return renamed


def weight_names(network: str, stored: Iterable[str]) -> dict[str, str]:
    """From the names of a network's weights today to their names in its file, `stored`."""
    parts = WEIGHTS[network]
    return {".".join(parts.get(part, part) for part in name.split(".")): name for name in stored}
