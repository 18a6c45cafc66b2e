"""The command line: parse, call the Library, show.

Only click is imported here, and by the modules below; everything else loads inside the command
that needs it, so that `phosphene --help` answers at once.
"""

import sys
from collections.abc import Iterator
from typing import Any

import click

from phosphene import __version__
from phosphene.cli.commands import (
    add,
    check,
    completion,
    copy,
    demo,
    doctor,
    generate,
    map,
    models,
    remove,
    repair,
    replay,
    schema,
    search,
    serve,
    show,
    status,
    train,
    walk,
)
from phosphene.cli.failures import told
from phosphene.cli.options import COMMON, Settings, helpful
from phosphene.cli.streams import fill, plain, prepare


class Commands(click.Group):
    """A group that lists its commands in the order they were added, and says faults in sentences."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands as a newcomer meets them, rather than by the alphabet."""
        return list(self.commands)

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run as a program does: with streams that take any text."""
        prepare()
        return super().main(*args, **extra)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the options of the group; `--help` and `--version` are answered here."""
        with told(Settings()):
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what the library raises becomes `Error: …` and `hint: …`."""
        settings = ctx.ensure_object(Settings)
        if plain():
            ctx.color = False  # click itself does not honour NO_COLOR
        with told(settings):
            return super().invoke(ctx)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="phosphene")
@helpful
def phosphene() -> None:
    """Find pictures by meaning, generate new ones from what was found, and keep both.

      phosphene demo
      phosphene -L photos.lib add ~/Pictures
      phosphene -L photos.lib search dog on a beach
      phosphene -L photos.lib search ./one-like-this.jpg
      phosphene -L drawn.lib generate a red house in the snow at night

    -L, --json, -q and --device may stand before or after the command. Results go to stdout,
    everything else to stderr; the exit code is 0 when done, 1 after an error, 2 for a wrong call
    and 130 after Ctrl-C.
    """


phosphene.params += COMMON
for _command in (
    add.add,
    search.search,
    generate.generate,
    show.show,
    remove.remove,
    map.map,
    walk.walk,
    status.status,
    check.check,
    repair.repair,
    models.models,
    schema.schema,
    copy.copy,
    train.train,
    replay.replay,
    serve.serve,
    demo.demo,
    doctor.doctor,
    completion.completion,
):
    phosphene.add_command(_command)


def help_pages() -> Iterator[tuple[str, str]]:
    """Every command's name and `--help`, as docs/commands.md shows them."""

    def pages(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
        settings = {**command.context_settings, "terminal_width": 100}
        context = click.Context(command, info_name=name, parent=parent, **settings)
        yield context.command_path, context.get_help()
        if isinstance(command, click.Group):
            for word in command.list_commands(context):
                yield from pages(command.commands[word], word, context)

    yield from pages(phosphene, "phosphene", None)


def main() -> None:
    """The console script."""
    fill()
    sys.exit(phosphene(prog_name="phosphene"))
