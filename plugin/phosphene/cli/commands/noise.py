"""`phosphene noise`: a picture that turns into noise, as an animation."""

from pathlib import Path

import click

from phosphene.cli.options import FORCE, INPUT, SEED, Settings, command

STEPS = click.IntRange(2, 500)


@command("noise")
@click.argument("file", type=INPUT)
@click.option(
    "--film",
    metavar="FILE",
    type=click.Path(path_type=Path),
    default="noise.webp",
    show_default=True,
    help="Write the animation to this file, as a WebP, PNG or GIF.",
)
@click.option("--steps", type=STEPS, default=24, show_default=True, help="How many frames to make.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="The seed of the noise.")
@FORCE
def noise(settings: Settings, file: Path, film: Path, steps: int, seed: int) -> None:
    """Show how a picture turns into noise, step by step. A diffusion model learns to undo this.

      phosphene noise boat.jpg --film noise.webp

    Each frame has a little less of the picture and a little more of the same noise, until only
    noise is left. `phosphene generate --film FILE` shows the way back. No library is needed.
    """
    from phosphene.images import open_picture
    from phosphene.render import FILM_SIDE, animate, noising
    from phosphene.render.animation import check_ending
    from phosphene.render.canvas import enlarged

    check_ending(film)
    settings.claim(film, reads=[file])
    picture = enlarged(open_picture(file), FILM_SIDE)
    settings.output.wrote(animate(noising(picture, steps=steps, seed=seed), film))
