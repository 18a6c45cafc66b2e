"""`phosphene models add` and `phosphene models check`: checkpoints on this machine."""

from pathlib import Path

import click

from phosphene.byte_sizes import gigabytes
from phosphene.cli.options import INPUT, Settings, command
from phosphene.cli.output import on_step


@command("add")
@click.argument("path", type=INPUT)
@click.option("--name", help="A name for `--generator`.  [default: that of the file or folder]")
def add(settings: Settings, path: Path, name: str | None) -> None:
    """Register a checkpoint that you have, so that `--generator NAME` finds it.

      phosphene models add ~/models/dreamshaper_8.safetensors
      phosphene models add ~/models/my-sdxl --name mine

    PATH is a file of safetensors or a folder of diffusers. It stays where it is. phosphene tells the
    family from its content, and refuses a checkpoint that is not whole.
    """
    from phosphene.catalogue.checkpoints.adding import add

    added = add(path, name)
    record = {
        "name": added.name,
        "family": added.family,
        "path": str(added.path),
        "sha256": added.sha256,
    }
    settings.output.summary(f"{added.name} is a checkpoint of {added.family}: {added.path}", record)


@command("check")
@click.argument("name")
def check(settings: Settings, name: str) -> None:
    """Check that a generator is whole, and measure what a picture costs on this machine.

      phosphene models check sd15
      phosphene --device cpu models check ~/models/dreamshaper_8.safetensors

    It compares the files with the hashes of the hub, or with those of the time of adding, loads the
    generator, and makes one picture in two steps, which is not kept. The memory is the most that this
    process has used: of the GPU if it ran on one, and else of the machine.
    """
    from phosphene.catalogue.checkpoints.checking import check

    output = settings.output
    with output.progress(f"checking {name}") as advance:
        found = check(name, device=settings.device, on_step=on_step(advance))
    width, height = found.size
    record = {
        "name": found.name,
        "weights": found.weights,
        "hashes": found.hashes,
        "size": [width, height],
        "seconds_loading": round(found.loading, 3),
        "seconds_a_step": round(found.step, 3),
        "seconds_decoding": round(found.decoding, 3),
        "memory": found.memory,
    }
    shown = record | {
        "size": f"{width}x{height}",
        "memory": gigabytes(found.memory) if found.memory else "unknown",
    }
    output.fields(record, shown)
