"""The options that change a picture: where a generation starts, and what of it is made anew."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from phosphene.cli.options import SHARE, PictureFile, Settings, input_files
from phosphene.cli.pictures import write_picture

SIDES = ("left", "top", "right", "bottom")
MAX_MARGIN = 8192  # pixels


class MarginsType(click.ParamType[dict[str, int]]):
    """`left=128,top=64`: margins in pixels by their sides."""

    name = "SIDE=PIXELS,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, int]:
        """Read one or more sides, each at most once."""
        found: dict[str, int] = {}
        for part in str(value).split(","):
            side, _, pixels = (word.strip() for word in part.partition("="))
            if side not in SIDES or side in found or not pixels.isdecimal():
                self.fail(f"{value!r} is not SIDE=PIXELS,…, such as left=128,top=64.", param, ctx)
            found[side] = int(pixels)
        if not 0 < max(found.values()) <= MAX_MARGIN:
            self.fail(f"{value!r} must have a margin of 1 to {MAX_MARGIN} pixels.", param, ctx)
        return found


INIT = (
    click.option(
        "--init", metavar="FILE|ID", help="Start from this picture. An ID may have `id:` before it."
    ),
    click.option(
        "--strength",
        type=SHARE,
        help="How far to depart from the start picture.  [default: 0.6, or 1 with --mask]",
    ),
    click.option(
        "--mask",
        metavar="FILE|X,Y,W,H|WORDS",
        help="Which part of --init to repaint: a picture, whose white is repainted and whose black and"
        " transparent parts are kept, a rectangle in pixels of --init, or words for what to replace.",
    ),
    click.option(
        "--show-mask",
        metavar="FILE",
        type=PictureFile(),
        help="Write --init with the mask laid over it to this file, and make nothing.",
    ),
    click.option(
        "--outpaint",
        metavar="SIDE=PIXELS,…",
        type=MarginsType(),
        help="Extend --init at these sides, for example left=128,top=64, and paint what is added.",
    ),
    click.option(
        "--fit",
        type=click.Choice(["crop", "pad", "stretch"]),
        help="How --init is fitted to the size: crop takes the middle, pad keeps all and extends the edges."
        "  [default: crop; with --mask or --outpaint, the picture keeps its full size]",
    ),
)


def init_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `generate` on the init image."""
    for option in reversed(INIT):
        function = option(function)
    return function


def check_init(wishes: Mapping[str, Any]) -> None:
    """Raise UsageError for options on an init image that do not go together."""
    masked = wishes["mask"] or wishes["outpaint"]
    if wishes["show_mask"] and not masked:
        raise click.UsageError("--show-mask shows a mask. Pass --mask or --outpaint, too.")
    if wishes["init"] is None and masked:
        raise click.UsageError("--mask and --outpaint need a picture to change. Pass it with --init.")
    if wishes["mask"] and wishes["outpaint"]:
        raise click.UsageError("--mask and --outpaint cannot be used at once. Extend the picture first.")


def show_mask(settings: Settings, wishes: Mapping[str, Any], path: Path) -> None:
    """Write the init image with its mask laid over it."""
    from phosphene.render import mask_overlay

    settings.claim(path, reads=input_files(wishes["init"], wishes["mask"]))
    with settings.open() as library:
        canvas, mask = library.generation.shown_mask(wishes["init"], wishes["mask"], wishes["outpaint"])
    write_picture(settings.output, mask_overlay(canvas, mask), path)
