"""The command line. It parses arguments, calls the Library and prints the results.

This module and those beside it import only click at the top. Each command imports what else it
needs when it runs, so `phosphene --help` answers at once.
"""

import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any

import click

from phosphene import __version__
from phosphene.cli.commands import (
    add,
    check,
    clusters,
    completion,
    configure,
    copy,
    demo,
    doctor,
    duplicates,
    exporting,
    facets,
    generate,
    map,
    models,
    noise,
    outliers,
    remove,
    repair,
    replay,
    schema,
    search,
    serve,
    show,
    status,
    tag,
    train,
    unique,
    vary,
    walk,
    watch,
)
from phosphene.cli.failures import told
from phosphene.cli.options import COMMON, Settings, helpful
from phosphene.cli.streams import fill, plain, prepare

SECTIONS: dict[str, tuple[click.Command, ...]] = {  # in the order in which a newcomer meets them
    "Pictures": (
        *(add.add, watch.watch, search.search, show.show, tag.tag, facets.facets),
        *(duplicates.duplicates, remove.remove, exporting.export),
    ),
    "New pictures": (generate.generate, vary.vary, replay.replay, train.train, noise.noise),
    "A library as a whole": (map.map, walk.walk, clusters.clusters, outliers.outliers, unique.unique),
    "Libraries and models": (
        *(status.status, check.check, repair.repair, copy.copy, configure.config),
        *(models.models, schema.schema),
    ),
    "This program": (demo.demo, doctor.doctor, serve.serve, completion.completion),
}


class Commands(click.Group):
    """A group that lists its commands in the order they were added, and reports errors as sentences."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order in which they were added, not alphabetically."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by what they are about."""
        widest = max(len(name) for name in self.commands)
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                room = formatter.width - formatter.current_indent - widest - 2
                told = [(f"{each.name:<{widest}}", each.get_short_help_str(room)) for each in commands]
                formatter.write_dl(told)

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the program, after preparing both streams for any text."""
        prepare()
        return super().main(*args, **extra)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the options of the group, and answer `--help` and `--version`."""
        with told(Settings()):
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and print what the library raises as `Error: …` and `hint: …`."""
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

    -L, --json, -q, --device and --offline may stand before or after the command. Results go to
    stdout, and everything else goes to stderr. The exit code is 0 after success, 1 after an error,
    2 if the command was called wrongly, and 130 after Ctrl-C.
    """


phosphene.params += COMMON
for _command in chain(*SECTIONS.values()):
    phosphene.add_command(_command)


def help_pages() -> Iterator[tuple[str, str]]:
    """Yield every command's name and `--help`, as docs/commands.md shows them."""

    def pages(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
        settings = {**command.context_settings, "terminal_width": 100}
        context = click.Context(command, info_name=name, parent=parent, **settings)
        yield context.command_path, context.get_help()
        if isinstance(command, click.Group):
            for word in command.list_commands(context):
                yield from pages(command.commands[word], word, context)

    yield from pages(phosphene, "phosphene", None)


def main() -> None:
    """Run the console script `phosphene`."""
    fill()
    sys.exit(phosphene(prog_name="phosphene"))
