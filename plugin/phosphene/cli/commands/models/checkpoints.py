"""`phosphene models add` and `phosphene models check`: checkpoints on this machine."""

from pathlib import Path
from typing import Any

import click

from phosphene.byte_sizes import gigabytes
from phosphene.cli.options import INPUT, Settings, command
from phosphene.cli.output import on_step


@command("add")
@click.argument("path", type=INPUT)
@click.option("--name", help="Its name from now on.  [default: that of the file or folder]")
def add(settings: Settings, path: Path, name: str | None) -> None:
    """Register a checkpoint or a LoRA that you have, for `--generator NAME` or `--lora NAME`.

      phosphene models add ~/models/dreamshaper_8.safetensors
      phosphene models add ~/models/my-sdxl --name mine
      phosphene models add ~/models/watercolour-lora.safetensors --name watercolour

    PATH is a file of safetensors, a GGUF file, or a folder of diffusers. It stays where it is.
    phosphene tells the family from its content, and refuses a checkpoint that is not whole.
    """
    from phosphene.catalogue.checkpoints.adding import add
    from phosphene.catalogue.registrations import RegisteredLora

    added = add(path, name)
    is_lora = isinstance(added, RegisteredLora)
    record = {"name": added.name, "kind": "lora" if is_lora else "generator", "path": str(added.path)}
    what = "LoRA" if is_lora else f"checkpoint of {added.family}"
    settings.output.summary(
        f"{added.name} is a {what}: {added.path}", record | {"family": added.family or None}
    )


@command("check")
@click.argument("name")
def check(settings: Settings, name: str) -> None:
    """Check that a model is whole, and measure what it costs on this machine.

      phosphene models check sd15
      phosphene --device cpu models check ~/models/dreamshaper_8.safetensors
      phosphene models check ViT-B-32-SigLIP2-256/webli

    For a generator it compares the files with the hashes of the hub, or with those of the time of
    adding, and makes one picture in two steps, which is not kept. For an embedding model it embeds a
    text and a picture. The memory is the most that this process has used: of the GPU if it ran on one,
    and else of the machine.
    """
    from phosphene.catalogue.checkpoints.checking import is_embedder

    record = _embedder(settings, name) if is_embedder(name) else _generator(settings, name)
    memory = record["memory"]
    settings.output.fields(record, record | {"memory": gigabytes(memory) if memory else "unknown"})


def _generator(settings: Settings, name: str) -> dict[str, Any]:
    from phosphene.catalogue.checkpoints.checking import check

    with settings.output.progress(f"checking {name}") as advance:
        found = check(name, device=settings.device, on_step=on_step(advance))
    return {
        "name": found.name,
        "weights": found.weights,
        "hashes": found.hashes,
        "width": found.size[0],
        "height": found.size[1],
        "seconds_loading": round(found.loading, 3),
        "seconds_a_step": round(found.step, 3),
        "seconds_decoding": round(found.decoding, 3),
        "memory": found.memory,
    }


def _embedder(settings: Settings, name: str) -> dict[str, Any]:
    from phosphene.catalogue.checkpoints.checking import check_embedder

    found = check_embedder(name, device=settings.device)
    return {
        "name": found.name,
        "space": found.space,
        "dimension": found.dimension,
        "seconds_loading": round(found.loading, 3),
        "seconds_a_text": round(found.text, 3),
        "seconds_a_picture": round(found.picture, 3),
        "memory": found.memory,
    }
