"""The options that commands share, the settings that they fill, and the types of their values."""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import cleandoc
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from phosphene.cli.output import Output, Printed

if TYPE_CHECKING:
    from phosphene.library import Library
    from phosphene.records import Origin, Precision
    from phosphene.relevance.judging import Cutoff

DEVICES = ("auto", "cpu", "cuda", "mps")
ORIGINS = click.Choice(["imported", "generated", "all"])
MAX_COUNT = 1_000_000  # a larger number is a typing error, and stores count in 32 bits
SEEDS = 2**53  # JSON readers such as jq keep whole numbers below it exact


class Number(click.FloatRange):
    """A number in a range. `nan` and `inf` are refused, although Python reads them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a finite number."""
        number = click.FLOAT.convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return super().convert(number, param, ctx)


COUNT, FROM_ZERO, FROM_TWO = (click.IntRange(least, MAX_COUNT) for least in (1, 0, 2))
SEED = click.IntRange(0, SEEDS - 1)
ZERO_TO_ONE = Number(0, 1)
SHARE = Number(0, 1, min_open=True)
INPUT = click.Path(path_type=Path)  # the library checks that it exists and is a picture
NEGATED = re.compile(r"-([A-Za-z]\w*)[:<>=]")
WRITTEN = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(slots=True)
class Settings:
    """The values of the common options, which may stand before or after the command, and of others."""

    library: str | None = None
    json: bool = False
    quiet: bool = False
    device: str = "auto"
    force: bool = False
    generator: str | None = None
    adapter: str | None = None
    loras: tuple[str, ...] = ()
    compiled: bool = False
    form: Printed | None = None
    kept: str = "nothing was changed"  # what to say about finished work if Ctrl-C comes now

    @property
    def output(self) -> Output:
        """The output of this command."""
        return Output(json=self.json, quiet=self.quiet, form=self.form)

    def claim(self, *outs: Path | None, reads: Iterable[Path] = ()) -> None:
        """Check before the work begins that these files may be written. `reads` are the input files.

        Raises OutputError as `outputs.claim` does.
        """
        from phosphene.outputs import claim

        inputs = list(reads)
        for out in outs:
            if out is not None:
                claim(out, force=self.force, inputs=inputs)

    def open(
        self, *, model: str | None = None, precision: "Precision | None" = None, create: bool = False
    ) -> "Library":
        """Open the library that this command works on."""
        import phosphene

        with self.output.fetching("fetching the model") as count:
            return phosphene.open(
                self.library,
                model=model,
                precision=precision,
                create=create,
                generator=self.generator,
                adapter=self.adapter,
                loras=self.loras,
                compiled=self.compiled,
                device=self.device,
                on_fetch=count,
            )


def origin_of(choice: str) -> "Origin | None":
    """The library's own value for one of ORIGINS."""
    return None if choice == "all" else cast("Origin", choice)


def input_files(*named: Path | str | None) -> list[Path]:
    """The files that options name. An id is taken for the name of a file that does not exist."""
    from phosphene.config import expanded

    return [expanded(name) for name in named if name is not None]


def remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep an option in the settings. The command is parsed after its group, so the later value wins."""
    settings = context.ensure_object(Settings)
    if value is not None:
        setattr(settings, str(parameter.name), value)


def _go_offline(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    """Tell phosphene and the hub's other tools to use no network, until the command ends."""
    if value:
        from phosphene.config import OFFLINE

        before = os.environ.get(OFFLINE)
        os.environ[OFFLINE] = "1"
        context.call_on_close(lambda: os.environ.update({OFFLINE: before or "0"}))


def _common(*names: str, **settings: Any) -> click.Option:
    return click.Option(names, callback=remember, expose_value=False, **settings)


COMMON = (
    _common(
        "-L",
        "--library",
        metavar="LIBRARY",
        help="A folder or weaviate://HOST/Collection."
        "  [default: PHOSPHENE_LIBRARY, or one in your data folder]",
    ),
    _common("--json", is_flag=True, default=None, help="Print one JSON object per line."),
    _common("-q", "--quiet", is_flag=True, default=None, help="Print only ids, and no notes."),
    _common("--device", type=click.Choice(DEVICES), help="The device that runs the models.  [default: auto]"),
    click.Option(
        ["--offline"],
        is_flag=True,
        expose_value=False,
        callback=_go_offline,
        help="Download nothing. A model that is not on this machine is an error.",
    ),
)


class PictureFile(click.ParamType[Path]):
    """A picture file to write. Its ending names the format and is checked before any work is done."""

    name = "FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Read a path with a known ending."""
        path = Path(value)
        if path.suffix.lower() not in WRITTEN:
            self.fail(f"{value!r} does not end in {', '.join(WRITTEN)}.", param, ctx)
        return path


class NamedValue(click.ParamType[tuple[str, str]]):
    """A name and a value, written `NAME=VALUE`."""

    name = "NAME=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split at the first equals sign. A name may be written with hyphens."""
        name, equals, text = str(value).partition("=")
        if not name or not equals:
            self.fail(f"{value!r} is not NAME=VALUE.", param, ctx)
        return name.replace("-", "_"), text


WHERE = click.option(
    "--where",
    metavar="FILTERS",
    help="Only images for which these filters hold, such as `taken:2024 rating:4..`.",
)
YES = click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
FORCE = click.option(
    "--force",
    is_flag=True,
    default=None,
    callback=remember,
    expose_value=False,
    help="Also overwrite files that phosphene did not make.",
)


def written(help: str, default: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options -o and --force to a command that writes a picture."""
    out = click.option("-o", "--out", type=PictureFile(), default=default, show_default=True, help=help)
    return lambda function: out(FORCE(function))


def helpful(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep the line breaks of a docstring's indented examples when it becomes the help."""
    paragraphs = cleandoc(function.__doc__ or "").split("\n\n")
    function.__doc__ = "\n\n".join(f"\b\n{text}" if text.startswith("  ") else text for text in paragraphs)
    return function


class QueryCommand(click.Command):
    """A command whose words are a query, in which `-model:sdxl` is a filter and not an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse arguments. A space in front of a filter keeps click from taking it for an option."""
        return super().parse_args(ctx, [f" {each}" if _is_filter(each) else each for each in args])


def _is_filter(word: str) -> bool:
    """Whether a word is a filter with a minus in front of it."""
    if not (found := NEGATED.match(word)):
        return False
    from phosphene.store.filterable import kinds

    return found[1] in kinds()


def command(
    name: str, kind: type[click.Command] = click.Command
) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command with the common options. Its function gets the Settings as the first argument."""

    def wrap(function: Callable[..., None]) -> click.Command:
        made = click.command(name, kind)(click.make_pass_decorator(Settings, ensure=True)(helpful(function)))
        made.params += COMMON
        return made

    return wrap


class CutType(click.ParamType["Cutoff"]):
    """The relevance at which hits are cut off: `auto`, or a number from 0 to 1."""

    name = "auto|NUMBER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "Cutoff":
        """Read `auto` or a number."""
        return "auto" if value == "auto" else float(ZERO_TO_ONE.convert(value, param, ctx))


CUT = CutType()
SIZE = re.compile(r"([1-9][0-9]{0,4})(?:[xX]([1-9][0-9]{0,4}))?")


class SizeType(click.ParamType[tuple[int, int]]):
    """A size in pixels, written `WIDTHxHEIGHT`, or one number for a square."""

    name = "WxH"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Read `96`, `96x64` or `96X64`."""
        found = SIZE.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is not a size. Write WIDTHxHEIGHT in pixels, such as 64x64.", param, ctx)
        return int(found[1]), int(found[2] or found[1])
