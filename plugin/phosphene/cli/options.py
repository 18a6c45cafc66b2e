"""What commands share: the common options, the settings they fill, and two kinds of value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from phosphene.cli.output import Output

if TYPE_CHECKING:
    from phosphene.library import Library

DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(slots=True)
class Settings:
    """The common options, wherever on the command line they stood."""

    library: str | None = None
    json: bool = False
    quiet: bool = False
    device: str = "auto"
    kept: str = "nothing was changed"  # what stays if Ctrl-C comes now

    @property
    def output(self) -> Output:
        """How this command speaks."""
        return Output(json=self.json, quiet=self.quiet)

    def open(self, *, space: str | None = None, create: bool = False) -> "Library":
        """The library that this command works on."""
        import phosphene

        return phosphene.open(self.library, space=space, create=create, device=self.device)


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep a common option; the command is read after its group, so the later one wins."""
    settings = context.ensure_object(Settings)
    if value is not None:
        setattr(settings, str(parameter.name), value)


COMMON: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (
        ("-L", "--library"),
        {"metavar": "PATH", "help": "The library.  [default: PHOSPHENE_LIBRARY, or one in your data folder]"},
    ),
    (("--json",), {"is_flag": True, "default": None, "help": "One JSON object per line on stdout."}),
    (("-q", "--quiet"), {"is_flag": True, "default": None, "help": "Print ids only, and no notes."}),
    (
        ("--device",),
        {"type": click.Choice(DEVICES), "help": "Where the models run.  [default: auto]"},
    ),
)


def common(function: Callable[..., Any]) -> Callable[..., Any]:
    """Take `-L`, `--json`, `-q` and `--device` here."""
    for names, settings in reversed(COMMON):
        function = click.option(*names, callback=_remember, expose_value=False, **settings)(function)
    return function


def command(name: str) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command that takes the common options; its function gets the Settings first."""

    def wrap(function: Callable[..., None]) -> click.Command:
        return click.command(name)(common(click.make_pass_decorator(Settings, ensure=True)(function)))

    return wrap


class Size(click.ParamType[tuple[int, int]]):
    """`WIDTHxHEIGHT` in pixels, or one number for a square."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Read `96`, `96x64` or `96X64`."""
        parts = str(value).lower().split("x")
        if len(parts) > 2 or not all(part.isdigit() and int(part) > 0 for part in parts):
            self.fail(f"{value!r} is no size; write WIDTHxHEIGHT in pixels, e.g. 64x64", param, ctx)
        return int(parts[0]), int(parts[-1])
