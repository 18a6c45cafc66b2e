"""`phosphene models bench`: what an embedding model costs on this machine."""

from dataclasses import asdict

import click

from phosphene.byte_sizes import gigabytes
from phosphene.cli.options import Settings, command


@command("bench")
@click.argument("name")
def bench(settings: Settings, name: str) -> None:
    """Measure how fast an embedding model is on this machine.

      phosphene models bench landscape
      phosphene models bench ViT-B-32-SigLIP2-256/webli
      phosphene models bench local-dir:my-clip

    The model must be on this machine. In a process of its own it is loaded, embeds single texts, and
    embeds pictures in batches, one on each core. So seconds_loading and peak_memory are what a search
    for new words costs, and pictures_a_second is what the model alone allows `phosphene add`. The
    figures are remembered, and `phosphene models` shows them. Other programs that run meanwhile make
    them worse.
    """
    from phosphene.catalogue.speeds import measure

    settings.kept = "no figures were kept"
    with settings.output.progress(f"measuring {name}") as advance:
        found = {"name": name} | asdict(measure(name, device=settings.device, on_step=advance))
    memory = found["peak_memory"]
    settings.output.fields(found, found | {"peak_memory": gigabytes(memory) if memory else "unknown"})
