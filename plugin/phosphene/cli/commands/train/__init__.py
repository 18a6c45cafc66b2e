"""`phosphene train` trains a CLIP, a generator, or a LoRA for a pretrained model."""

import click

from phosphene.cli.commands.train.clip import clip
from phosphene.cli.commands.train.diffusion import diffusion
from phosphene.cli.commands.train.lora import lora
from phosphene.cli.options import helpful


@click.group("train")
@helpful
def train() -> None:
    """Train a small model of your own, or teach a pretrained one your pictures.

      phosphene train clip drawings/ -o my-clip --minutes 30
      phosphene -L drawn.lib train diffusion --minutes 120
      phosphene -L photos.lib train lora --generator sd15 -o harbour.safetensors --trigger myharbour

    The small models train on a CPU in minutes to hours.

    Run the same command again to continue a training that was stopped. A loss curve and a log appear
    beside the model.
    """


train.add_command(clip)
train.add_command(diffusion)
train.add_command(lora)
